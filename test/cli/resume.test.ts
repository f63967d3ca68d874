import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { toldProvider } from '../daemon/generations/told-provider.ts';
import { hello, scriptedProvider } from '../daemon/scripted-provider.ts';
import { testDaemon } from '../daemon/test-daemon.ts';
import { listen, runTollgate, spawnTollgate } from './run-tollgate.ts';

describe('tollgate generate --idempotency-key', () => {
  it('asks the provider once for the same request, and again for another key', async () => {
    const provider = scriptedProvider('p', hello);
    const { environment } = await testDaemon({ providers: [provider] });
    const home = environment.variables['TOLLGATE_HOME']!;
    for (const key of ['a', 'a', 'b']) expect(await runTollgate(home, ['generate', 'hi', '-q', '-m', 'p/m', '--idempotency-key', key])).toMatchObject({ code: 0, stdout: 'hello\n' });
    expect(provider.requests).toHaveLength(2);
    expect(await runTollgate(home, ['generate', 'bye', '-q', '-m', 'p/m', '--idempotency-key', 'a'])).toMatchObject({ code: 1, stderr: expect.stringContaining('IDEMPOTENCY_KEY_REUSED') });
  });

  it.each([
    ['ends the generation on Ctrl-C', 'SIGINT', true],
    ['leaves it to who asks again when it is killed', 'SIGKILL', false],
  ] as const)('%s', async (_what, signal, ends) => {
    const told = toldProvider();
    const { environment } = await testDaemon({ providers: [told.provider] });
    const home = environment.variables['TOLLGATE_HOME']!;
    const args = ['generate', 'hi', '-q', '-m', 'p/m', '--idempotency-key', 'a'];
    const child = spawnTollgate(home, args);
    child.stdin.end();
    const answer = await told.answer(0);
    answer.say('one ');
    await listen(child.stdout).until('one ');
    child.kill(signal);
    await once(child, 'exit');
    if (ends) {
      expect((await answer.stopped).reason).toMatchObject({ reason: 'CANCELLED', message: 'the caller went away' });
      return;
    }
    answer.say('two');
    answer.finish();
    expect(await runTollgate(home, args)).toMatchObject({ code: 0, stdout: 'one two\n' });
    expect(told.provider.requests).toHaveLength(1);
  });
});

describe('tollgate resume', () => {
  it('shows an answer again, whole or from an event on', async () => {
    const { environment } = await testDaemon({ providers: [scriptedProvider('p', hello)] });
    const home = environment.variables['TOLLGATE_HOME']!;
    const { stdout } = await runTollgate(home, ['generate', 'hi', '-m', 'p/m', '--json']);
    const id = /"generation_id":\s*"(gen_[^"]+)"/.exec(stdout)?.[1] ?? '';
    expect(await runTollgate(home, ['resume', id, '-q'])).toEqual({ code: 0, stdout: 'hello\n', stderr: '' });
    expect(await runTollgate(home, ['resume', id, '-q', '--after-seq', '1'])).toEqual({ code: 0, stdout: 'lo\n', stderr: '' });
    expect(await runTollgate(home, ['resume', id, '--json'])).toMatchObject({ code: 0, stdout });
  });

  it('says no to a generation that is not there', async () => {
    const { environment } = await testDaemon({ providers: [scriptedProvider('p', hello)] });
    expect(await runTollgate(environment.variables['TOLLGATE_HOME']!, ['resume', 'gen_x'])).toMatchObject({ code: 1, stderr: expect.stringContaining('GENERATION_NOT_FOUND') });
  });
});
