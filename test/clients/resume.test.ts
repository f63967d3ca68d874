import { describe, expect, it } from 'vitest';
import { connect, user } from '../../src/clients/typescript/index.ts';
import { hello, scriptedProvider } from '../daemon/scripted-provider.ts';
import { testDaemon } from '../daemon/test-daemon.ts';

describe('resume()', () => {
  it('gives the events behind the last one that came', async () => {
    const { environment } = await testDaemon({ providers: [scriptedProvider('scripted', hello)] });
    using tollgate = await connect({ environment });
    const generation = tollgate.generate({ model: 'scripted/m', messages: [user('hi')], idempotencyKey: 'k' });
    const { generationId } = await generation.finish();
    expect(await tollgate.resume(generationId).text()).toBe('hello');
    const seqs: bigint[] = [];
    for await (const { seq } of tollgate.resume(generationId, { afterSeq: 1n })) seqs.push(seq);
    expect(seqs).toEqual([2n, 3n]);
    expect(await tollgate.resume(generationId, { afterSeq: 1n }).text()).toBe('lo');
  });

  it('rejects for a generation that is not there', async () => {
    const { environment } = await testDaemon({ providers: [scriptedProvider('scripted', hello)] });
    using tollgate = await connect({ environment });
    await expect(tollgate.resume('gen_nobody').text()).rejects.toMatchObject({ reason: 'GENERATION_NOT_FOUND' });
  });
});
