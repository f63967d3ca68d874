import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { GenerateServiceService } from '../../../src/gen/tollgate/v1/generate_service.ts';
import { ask, testDaemon } from '../test-daemon.ts';
import { generating, idOf } from './follow.ts';
import { toldProvider } from './told-provider.ts';
import { unreadCall } from './unread-call.ts';

const PIECES = Array.from({ length: 1500 }, (_, at) => `${at}`.padStart(10_000, '.'));
const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
};

async function setUp() {
  const told = toldProvider();
  const daemon = await testDaemon({ providers: [told.provider] });
  return { told, daemon, token: daemon.adminToken, client: daemon.generateClient };
}

describe('several readers of one generation', () => {
  it('a second one that reads nothing does not slow the first, and is cut with RESUME_EXPIRED', async () => {
    const { told, daemon, token, client } = await setUp();
    const first = generating(client, ask({ model: 'p/m' }), token);
    const answer = await told.answer(0);
    answer.say('a');
    await first.reached(2);
    const slow = await unreadCall(daemon, GenerateServiceService.resumeGeneration, { generationId: idOf(first), afterSeq: undefined });
    answer.say(...PIECES);
    answer.finish();
    expect(await first.ended).toBeUndefined();
    expect(first.text === `a${PIECES.join('')}`).toBe(true);
    expect(await slow.readToEnd()).toMatchObject({ 'grpc-status': String(status.OUT_OF_RANGE) });
  });

  it('a first one that reads nothing does not slow the second', async () => {
    const { told, daemon, token, client } = await setUp();
    const slow = await (async () => {
      const opened = unreadCall(daemon, GenerateServiceService.generate, ask({ model: 'p/m', idempotencyKey: 'k' }));
      (await told.answer(0)).say('a');
      return opened;
    })();
    const second = generating(client, ask({ model: 'p/m', idempotencyKey: 'k' }), token);
    const answer = await told.answer(0);
    await second.reached(2);
    answer.say(...PIECES);
    answer.finish();
    expect(await second.ended).toBeUndefined();
    expect(second.text === `a${PIECES.join('')}`).toBe(true);
    expect(await slow.readToEnd()).toMatchObject({ 'grpc-status': String(status.OUT_OF_RANGE) });
  });

  it('one that lags less than what is held gets everything', async () => {
    const { told, daemon, token, client } = await setUp();
    const first = generating(client, ask({ model: 'p/m' }), token);
    const answer = await told.answer(0);
    answer.say('a');
    await first.reached(2);
    const lagging = await unreadCall(daemon, GenerateServiceService.resumeGeneration, { generationId: idOf(first), afterSeq: undefined });
    answer.say(...PIECES.slice(0, 300));
    answer.finish();
    expect(await first.ended).toBeUndefined();
    let bytes = 0;
    lagging.stream.on('data', (data: Buffer) => (bytes += data.length));
    expect(await lagging.readToEnd()).toMatchObject({ 'grpc-status': '0' });
    expect(bytes).toBeGreaterThan(300 * 10_000);
  });

  it('the last one left sets the pace alone', async () => {
    const { told, daemon, token, client } = await setUp();
    const first = generating(client, ask({ model: 'p/m' }), token);
    const answer = await told.answer(0);
    answer.say('a');
    await first.reached(2);
    const slow = await unreadCall(daemon, GenerateServiceService.resumeGeneration, { generationId: idOf(first), afterSeq: undefined });
    first.cancel();
    await first.ended;
    answer.say(...PIECES);
    answer.finish();
    let taken = -1;
    while (taken !== answer.taken) {
      taken = answer.taken;
      await turns(200);
    }
    expect(taken).toBeLessThan(150);
    let bytes = 0;
    slow.stream.on('data', (data: Buffer) => (bytes += data.length));
    expect(await slow.readToEnd()).toMatchObject({ 'grpc-status': '0' });
    expect(bytes).toBeGreaterThan(1500 * 10_000);
  });
});
