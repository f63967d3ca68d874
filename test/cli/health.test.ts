import { describe, expect, it } from 'vitest';
import { ErrorClass, ProviderError, started } from '../../src/plugins/provider.ts';
import { hello, scriptedProvider } from '../daemon/scripted-provider.ts';
import { ask, generate } from '../daemon/test-daemon.ts';
import { keyed, keyedHome } from './keyed-home.ts';
import { runTollgate } from './run-tollgate.ts';

const failing = () =>
  scriptedProvider('busy', async function* () {
    yield started();
    throw new ProviderError(ErrorClass.OVERLOADED, 'it is full', { retryAfterMs: 120_000 });
  });

describe('the health of the providers', () => {
  it('stands in tollgate status, for people and for programs, and is reset by tollgate keys reset', async () => {
    const daemon = await keyedHome([failing(), scriptedProvider('calm', hello), keyed('keyless')]);
    await generate(daemon, ask({ model: 'busy/m' }));
    await generate(daemon, ask({ model: 'calm/m' }));
    const { stdout } = await runTollgate(daemon.home, ['status']);
    expect(stdout).toMatch(/^daemon {3}ready[^]*\nPROVIDER +HEALTH +FAILURES +LAST ERROR +LAST CALL\n/);
    expect(stdout).toMatch(/\nbusy +cools down for (2 min 0 s|1 min 5\d s) +1 +PROVIDER_OVERLOADED +20\d\d-/);
    expect(stdout).toMatch(/\ncalm +ok +0 +20\d\d-/);
    expect(stdout).not.toContain('keyless');
    const json = JSON.parse((await runTollgate(daemon.home, ['status', '--json'])).stdout);
    expect(json).toMatchObject({ providers: [{ name: 'busy', health: { consecutive_failures: 1, last_error_reason: 'PROVIDER_OVERLOADED' } }, { name: 'calm', health: { available: true } }, { name: 'keyless' }] });

    expect(await runTollgate(daemon.home, ['keys', 'reset', 'busy'])).toMatchObject({ code: 0, stderr: expect.stringContaining('the failures of busy are forgotten') });
    expect((await runTollgate(daemon.home, ['status'])).stdout).toMatch(/\nbusy +ok +0 +20/);
    expect(await runTollgate(daemon.home, ['keys', 'reset'])).toMatchObject({ code: 0, stderr: expect.stringContaining('all providers') });
    expect(await runTollgate(daemon.home, ['keys', 'reset', 'bsy'])).toMatchObject({ code: 1, stderr: expect.stringContaining('did you mean "busy"') });
  });
});
