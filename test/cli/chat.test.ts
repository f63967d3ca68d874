import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Role } from '../../src/gen/tollgate/v1/content.ts';
import { reasoningDelta, started } from '../../src/plugins/provider.ts';
import { done, hello, say, scriptedProvider, type ScriptedProvider } from '../daemon/scripted-provider.ts';
import { testDaemon } from '../daemon/test-daemon.ts';
import { hasTerminal, listen, runTollgate, spawnOnTerminal, spawnTollgate } from './run-tollgate.ts';

const chat = ['chat', '-q', '-m', 'scripted/m'];

async function homeWith(...providers: ScriptedProvider[]): Promise<string> {
  const { environment } = await testDaemon({ providers });
  return environment.variables['TOLLGATE_HOME']!;
}

/** Thinks, then says which turn this is. */
function thinking(): ScriptedProvider {
  let turn = 0;
  return scriptedProvider('scripted', async function* script() {
    yield started();
    yield reasoningDelta({ part: 0, text: 'Hm.', signature: `sig-${++turn}`, redactedData: Buffer.alloc(0), providerMetadataJson: {} });
    yield say(`turn ${turn}`, 1);
    yield done();
  });
}

describe('tollgate chat', () => {
  it('takes one line of a pipe as one turn and sends the whole conversation back', async () => {
    const provider = thinking();
    const run = await runTollgate(await homeWith(provider), [...chat, '-s', 'Be brief.'], { stdin: 'one\n\ntwo\n' });
    expect(run).toEqual({ code: 0, stdout: 'turn 1\nturn 2\n', stderr: '' });
    const [, second] = provider.requests;
    expect(second?.messages.map(({ role }) => role)).toEqual([Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.USER]);
    expect(second?.messages[2]?.parts[0]?.part).toMatchObject({ $case: 'reasoning', value: { signature: 'sig-1' } });
    expect(second?.messages[2]?.parts[1]?.part).toEqual({ $case: 'text', value: 'turn 1' });
  });

  it('obeys commands: another model, forgetting, leaving', async () => {
    const provider = thinking();
    const stdin = 'one\n/clear\n/model scripted/other\ntwo\n/exit\nthree\n';
    const { code, stdout, stderr } = await runTollgate(await homeWith(provider), chat, { stdin });
    expect([code, stdout, stderr]).toEqual([0, 'turn 1\nturn 2\n', 'Forgotten.\nNext answers come from scripted/other.\n']);
    expect(provider.requests[1]).toMatchObject({ model: 'other', messages: [{ role: Role.USER }] });
  });

  it('stops at the first failure of a pipe, whose next line would answer to nothing', async () => {
    const provider = scriptedProvider('scripted', hello);
    const { code, stdout, stderr } = await runTollgate(await homeWith(provider), ['chat', '-q', '-m', 'nobody/m'], { stdin: 'one\ntwo\n' });
    expect([code, stdout, stderr]).toEqual([1, '', expect.stringContaining('(PROVIDER_NOT_FOUND)')]);
  });

  it('ends with 130 when a piped chat is interrupted', async () => {
    const provider = scriptedProvider('scripted', async function* script(_request, { signal }) {
      yield started();
      yield say('first');
      await once(signal, 'abort');
      throw signal.reason;
    });
    const child = spawnTollgate(await homeWith(provider), chat);
    child.stdin.end('one\ntwo\n');
    const exit = once(child, 'exit');
    await listen(child.stdout).until('first');
    child.kill('SIGINT');
    expect(await exit).toEqual([130, null]);
    expect(provider.requests).toHaveLength(1);
  });

  it('falls back to echo once, and says so once', async () => {
    const needy = scriptedProvider('openai', hello, { key: { required: true, format: '', envNames: ['NEEDY_KEY'] } });
    const home = await homeWith(needy, scriptedProvider('echo', hello));
    const { code, stdout, stderr } = await runTollgate(home, ['chat', '-q'], { stdin: 'one\ntwo\n' });
    expect([code, stdout]).toEqual([0, 'hello\nhello\n']);
    expect(stderr.split('no provider is ready')).toHaveLength(2);
  });

  it.runIf(hasTerminal)('remembers at a terminal what was typed, and leaves on Ctrl-D', async () => {
    const home = await homeWith(thinking());
    const child = spawnOnTerminal(home, chat);
    const exit = once(child, 'exit');
    const { until } = listen(child.stdout);
    await until('> ');
    child.stdin.write('one\r');
    await until('turn 1');
    child.stdin.write('/model\r');
    await until('come from scripted/m.');
    child.stdin.write('\u0004');
    expect(await exit).toEqual([0, null]);
    expect(await readFile(join(home, 'state', 'chat-history'), 'utf8')).toBe('one\n/model\n');
    const again = spawnOnTerminal(home, chat);
    const later = listen(again.stdout);
    const end = once(again, 'exit');
    await later.until('> ');
    again.stdin.write('\u001b[A\u001b[A');
    await later.until('> one');
    again.stdin.write('\u0003');
    await later.until('Ctrl-C again');
    again.stdin.write('\u0003');
    expect(await end).toEqual([0, null]);
  });

  it.runIf(hasTerminal)('cancels the answer on Ctrl-C and goes on', async () => {
    const aborted = Promise.withResolvers<void>();
    let turn = 0;
    const provider = scriptedProvider('scripted', async function* script(_request, { signal }) {
      signal.addEventListener('abort', () => aborted.resolve());
      yield started();
      yield say(`turn ${++turn}`);
      if (turn === 1) {
        await once(signal, 'abort');
        throw signal.reason;
      }
      yield done();
    });
    const child = spawnOnTerminal(await homeWith(provider), chat);
    const exit = once(child, 'exit');
    const { until } = listen(child.stdout);
    await until('> ');
    child.stdin.write('one\r');
    await until('turn 1');
    child.stdin.write('\u0003');
    await Promise.all([aborted.promise, until('(cancelled; this turn is not kept)')]);
    child.stdin.write('two\r');
    await until('turn 2');
    child.stdin.write('\u0004');
    expect(await exit).toEqual([0, null]);
    expect(provider.requests[1]?.messages).toHaveLength(1);
  });

  it.runIf(hasTerminal)('keeps what is typed during an answer out of it, and shows it afterwards', async () => {
    const provider = scriptedProvider('scripted', async function* script(_request, { signal }) {
      yield started();
      yield say('first');
      await once(signal, 'abort');
      throw signal.reason;
    });
    const home = await homeWith(provider);
    const child = spawnOnTerminal(home, [...chat, '--no-history']);
    const exit = once(child, 'exit');
    const { until, heard } = listen(child.stdout);
    await until('> ');
    child.stdin.write('one\r');
    await until('first');
    child.stdin.write('typed\u0003');
    await until('> typed');
    expect(heard()).not.toMatch(/first[^]*typed[^]*\(cancelled/);
    child.stdin.write('\u0015/exit\r');
    expect(await exit).toEqual([0, null]);
    await expect(readFile(join(home, 'state', 'chat-history'))).rejects.toThrow('ENOENT');
  });

  it.runIf(hasTerminal)('tells a failure at a terminal and goes on', async () => {
    const child = spawnOnTerminal(await homeWith(thinking()), chat);
    const exit = once(child, 'exit');
    const { until } = listen(child.stdout);
    await until('> ');
    child.stdin.write('/model nobody/m\r');
    await until('come from nobody/m.');
    child.stdin.write('one\r');
    await until('(PROVIDER_NOT_FOUND)');
    child.stdin.write('/model scripted/m\r');
    await until('come from scripted/m.');
    child.stdin.write('one\r');
    await until('turn 1');
    child.stdin.write('/exit\r');
    expect(await exit).toEqual([0, null]);
  });
});
