import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { GenerateRequest, Provider } from '../../src/plugins/provider.ts';
import { reasoningDelta, started } from '../../src/plugins/provider.ts';
import { done, hello, say, scriptedProvider } from '../daemon/scripted-provider.ts';
import { testDaemon } from '../daemon/test-daemon.ts';
import { ended, hasTerminal, listen, runTollgate, spawnOnTerminal, spawnTollgate } from './run-tollgate.ts';

async function homeWith(...providers: Provider[]): Promise<string> {
  const { environment } = await testDaemon({ providers });
  return environment.variables['TOLLGATE_HOME']!;
}

function texts(request: GenerateRequest | undefined): string[] {
  return (request?.messages ?? []).flatMap(({ parts }) => parts.map(({ part }) => (part?.$case === 'text' ? part.value : part?.$case ?? '')));
}

/** Says its first word, then nothing until the caller goes. */
function endless(): { provider: Provider; aborted: Promise<void> } {
  const aborted = Promise.withResolvers<void>();
  const provider = scriptedProvider('scripted', async function* script(_request, { signal }) {
    signal.addEventListener('abort', () => aborted.resolve());
    yield started();
    yield say('first');
    await once(signal, 'abort');
    throw signal.reason;
  });
  return { provider, aborted: aborted.promise };
}

const reasoning = scriptedProvider('scripted', async function* script() {
  yield started(['top_k']);
  yield reasoningDelta({ part: 0, text: 'Let me see.', signature: '', redactedData: Buffer.alloc(0), providerMetadataJson: {} });
  yield say('42', 1);
  yield done();
});

const nasty = scriptedProvider('scripted', async function* script() {
  yield started();
  yield say('a\u001b]0;title\u0007b\r\n');
  yield done();
});

describe('tollgate generate', () => {
  it('streams the answer to standard output and says on standard error who answered', async () => {
    const home = await homeWith(scriptedProvider('scripted', hello));
    const { code, stdout, stderr } = await runTollgate(home, ['generate', 'hi', '--model', 'scripted/m']);
    expect([code, stdout]).toEqual([0, 'hello\n']);
    expect(stderr).toMatch(/^scripted\/m · tokens 3 in, 2 out · free · [\d.]+ m?s\n$/);
  });

  it('says nothing but the answer with --quiet', async () => {
    const home = await homeWith(scriptedProvider('scripted', hello));
    expect(await runTollgate(home, ['generate', 'hi', '-q', '-m', 'scripted/m'])).toEqual({ code: 0, stdout: 'hello\n', stderr: '' });
  });

  it.each([
    ['the words given', ['why', 'is it?'], undefined, 'why is it?'],
    ['the words, then standard input', ['Summarise:'], 'a text\n', 'Summarise:\n\na text\n'],
    ['standard input alone', [], 'a text', 'a text'],
    ['standard input that is asked for', ['-'], 'a text', 'a text'],
  ])('asks with %s', async (_case, words, stdin, prompt) => {
    const provider = scriptedProvider('scripted', hello);
    const home = await homeWith(provider);
    const run = await runTollgate(home, ['generate', '-m', 'scripted/m', ...words], stdin === undefined ? {} : { stdin });
    expect([run.code, texts(provider.requests[0])]).toEqual([0, [prompt]]);
  });

  it('waits for a pipe that is late, says so, and sends nothing without it', async () => {
    const provider = scriptedProvider('scripted', hello);
    const child = spawnTollgate(await homeWith(provider), ['generate', '-m', 'scripted/m', 'Summarise:']);
    const run = once(child, 'exit');
    await listen(child.stderr).until('waiting for standard input. If there is none, add </dev/null.');
    expect(provider.requests).toEqual([]);
    child.stdin.end('late');
    expect([await run, texts(provider.requests[0])]).toEqual([[0, null], ['Summarise:\n\nlate']]);
  });

  it('sends what its options say', async () => {
    const provider = scriptedProvider('scripted', hello);
    const home = await homeWith(provider);
    const picture = join(home, 'dot.png');
    await writeFile(picture, Buffer.from('89504e470d0a1a0a00', 'hex'));
    const args = ['generate', 'what is this?', '-m', 'scripted/m', '-s', 'Be brief.', '-i', picture, '--max-output-tokens', '7', '--temperature', '0.5', '--effort', 'low'];
    expect((await runTollgate(home, args)).code).toBe(0);
    expect(provider.requests[0]).toMatchObject({ model: 'm', maxOutputTokens: 7, temperature: 0.5, reasoning: { effort: 'low' } });
    expect(texts(provider.requests[0])).toEqual(['Be brief.', 'what is this?', 'image']);
    expect(provider.requests[0]?.messages[1]?.parts[1]?.part).toMatchObject({ value: { mediaType: 'image/png' } });
  });

  it('leaves unset what no option says', async () => {
    const provider = scriptedProvider('scripted', hello);
    await runTollgate(await homeWith(provider), ['generate', 'hi', '-m', 'scripted/m']);
    expect(provider.requests[0]).toMatchObject({ maxOutputTokens: undefined, temperature: undefined, reasoning: undefined });
  });

  it('prints one canonical JSON object a line with --json, and nothing else', async () => {
    const home = await homeWith(scriptedProvider('scripted', hello));
    const { code, stdout, stderr } = await runTollgate(home, ['generate', 'hi', '--json', '-m', 'scripted/m']);
    const events = stdout.trimEnd().split('\n').map((line): Record<string, unknown> => JSON.parse(line));
    expect([code, stderr]).toEqual([0, '']);
    expect(events[0]).toMatchObject({ attempt_started: { provider: 'scripted', model: 'm' } });
    expect(events[1]).toMatchObject({ seq: '1', text_delta: expect.anything() });
    expect(events.at(-1)).toMatchObject({ finish: { finish_reason: 'FINISH_REASON_STOP', usage: { input_tokens: '3' } } });
  });

  it('passes text to a pipe byte for byte and adds no second line end', async () => {
    const { stdout } = await runTollgate(await homeWith(nasty), ['generate', 'hi', '-m', 'scripted/m']);
    expect(stdout).toBe('a\u001b]0;title\u0007b\r\n');
  });

  it.runIf(hasTerminal)('lets no control character of the answer reach a terminal', async () => {
    const child = spawnOnTerminal(await homeWith(nasty), ['generate', 'hi', '-m', 'scripted/m']);
    const { stdout } = await ended(child);
    expect(stdout).toContain('a␛]0;title␇b');
    expect(stdout).not.toContain('\u001b]0;');
  });

  it.runIf(hasTerminal)('turns a wheel until the first token and colours only a terminal that wants it', async () => {
    const home = await homeWith(scriptedProvider('scripted', hello));
    const colourful = await ended(spawnOnTerminal(home, ['generate', 'hi', '-m', 'scripted/m']));
    expect(colourful.stdout).toContain('waiting for the first token');
    expect(colourful.stdout).toContain('\u001b[2mscripted/m · ');
    const plain = await ended(spawnOnTerminal(home, ['generate', 'hi', '-m', 'scripted/m', '-q'], { variables: { NO_COLOR: '1' } }));
    expect(plain.stdout).toBe('hello\r\n');
  });

  it('keeps reasoning to itself unless it is asked to show it', async () => {
    const home = await homeWith(reasoning);
    const hidden = await runTollgate(home, ['generate', 'hi', '-m', 'scripted/m']);
    expect([hidden.stdout, hidden.stderr.includes('Let me see.')]).toEqual(['42\n', false]);
    const shown = await runTollgate(home, ['generate', 'hi', '-m', 'scripted/m', '--show-reasoning']);
    expect([shown.stdout, shown.stderr.includes('Let me see.\n\n')]).toEqual(['42\n', true]);
  });

  it('names the fields that the provider cannot honour', async () => {
    const { stderr } = await runTollgate(await homeWith(reasoning), ['generate', 'hi', '-m', 'scripted/m']);
    expect(stderr).toContain('tollgate: scripted ignores top_k.');
  });

  it('ends with 130 on Ctrl-C and cancels the answer', async () => {
    const { provider, aborted } = endless();
    const child = spawnTollgate(await homeWith(provider), ['generate', '-m', 'scripted/m']);
    child.stdin.end('hi');
    const out = listen(child.stdout);
    const exit = once(child, 'exit');
    await out.until('first');
    child.kill('SIGINT');
    await aborted;
    expect(await exit).toEqual([130, null]);
    expect(out.heard()).toBe('first\n');
  });

  it('ends quietly when its reader leaves, and cancels the answer', async () => {
    const aborted = Promise.withResolvers<void>();
    const home = await homeWith(scriptedProvider('scripted', async function* script(_request, { signal }) {
      signal.addEventListener('abort', () => aborted.resolve());
      yield started();
      while (!signal.aborted) {
        yield say('x'.repeat(4096));
        await new Promise((resolve) => setImmediate(resolve));
      }
    }));
    const child = spawnTollgate(home, ['generate', '-m', 'scripted/m']);
    child.stdin.end('hi');
    const exit = once(child, 'exit');
    const err = listen(child.stderr);
    await once(child.stdout, 'data');
    child.stdout.destroy();
    await aborted.promise;
    expect([await exit, err.heard()]).toEqual([[0, null], '']);
  });

  it('ends with 1 when the daemon says no, with the reason and what to do', async () => {
    const home = await homeWith(scriptedProvider('scripted', hello));
    const { code, stdout, stderr } = await runTollgate(home, ['generate', 'hi', '-m', 'nobody/m']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^tollgate: .*nobody.* \(PROVIDER_NOT_FOUND\)\nSee which there are: `tollgate models`, `tollgate keys list --all`\.\n$/);
  });

  it('says which key is missing, and whether the daemon was started without it', async () => {
    const needy = scriptedProvider('needy', hello, { key: { required: true, format: '', envNames: ['NEEDY_KEY'] } });
    const home = await homeWith(needy);
    const without = await runTollgate(home, ['generate', 'hi', '-m', 'needy/m']);
    expect([without.code, without.stderr]).toEqual([1, expect.stringMatching(/run tollgate keys set needy, or start the daemon with NEEDY_KEY set \(KEY_MISSING\)\n$/)]);
    const later = await runTollgate(home, ['generate', 'hi', '-m', 'needy/m'], { variables: { NEEDY_KEY: 'sk-1' } });
    expect(later.stderr).toContain('NEEDY_KEY is set here, but the daemon was started without it: run `tollgate keys import`, or `tollgate restart`.');
  });

  it('lets echo answer when no provider is ready and no model was asked for, and says so', async () => {
    const needy = scriptedProvider('openai', hello, { key: { required: true, format: '', envNames: ['NEEDY_KEY'] } });
    const home = await homeWith(needy, scriptedProvider('echo', hello));
    const { code, stdout, stderr } = await runTollgate(home, ['generate', 'hi']);
    expect([code, stdout]).toEqual([0, 'hello\n']);
    expect(stderr.split('\n')[0]).toBe(
      "tollgate: no provider is ready, so echo/hello answers. Set a provider's key, e.g. `tollgate keys set openai`, or start Ollama.",
    );
    const named = await runTollgate(home, ['generate', 'hi', '-m', 'auto']);
    expect([named.code, named.stdout, named.stderr]).toEqual([1, '', expect.stringContaining('(NO_PROVIDER_READY)')]);
  });

  it('does not let echo answer while a key is stored, or the keys are locked', async () => {
    const needy = scriptedProvider('openai', hello, { key: { required: true, format: '', envNames: [] }, settings: [{ name: 'needed', type: 1, description: '', required: true, envNames: [], defaultValue: '', values: [] }] });
    const lockable = scriptedProvider('anthropic', hello, { key: { required: true, format: '', envNames: [] } });
    const home = await homeWith(needy, lockable, scriptedProvider('echo', hello));
    await runTollgate(home, ['keys', 'set', 'openai', '--no-check'], { stdin: 'sk-0123456789ab' });
    const stored = await runTollgate(home, ['generate', 'hi']);
    expect([stored.code, stored.stdout, stored.stderr]).toEqual([1, '', expect.stringContaining('(NO_PROVIDER_READY)')]);
    await runTollgate(home, ['keys', 'lock']);
    const locked = await runTollgate(home, ['generate', 'hi']);
    expect([locked.code, locked.stdout, locked.stderr]).toEqual([1, '', expect.stringMatching(/unlock your keys[^]*Unlock the keys: `tollgate keys unlock`\.\n$/)]);
  });

  it.each([
    ['there is no prompt', ['generate'], 'There is no prompt.'],
    ['an option is not known', ['generate', 'hi', '--modell', 'x'], 'unknown option'],
    ['a number is none', ['generate', 'hi', '--temperature', 'warm'], 'Write a number'],
    ['a number is too large', ['generate', 'hi', '--max-output-tokens', '4294967296'], 'Write a whole number below'],
    ['a temperature is too high', ['generate', 'hi', '--temperature', '5'], 'from 0 to 2'],
    ['a duration is nothing', ['generate', 'hi', '--timeout', '0s'], 'longer than nothing'],
    ['a duration is none', ['generate', 'hi', '--timeout', '5'], 'Write a duration'],
    ['an image is not there', ['generate', 'hi', '--image', 'no.png'], 'There is no file no.png.'],
    ['an image is none', ['generate', 'hi', '--image', import.meta.filename], 'is no PNG, JPEG, GIF or WebP image'],
  ])('ends with 2 when %s', async (_case, args, message) => {
    const { code, stdout, stderr } = await runTollgate(await homeWith(scriptedProvider('scripted', hello)), args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });

  it('ends with 3 when nobody answers at TOLLGATE_ADDRESS, and starts nothing', async () => {
    const home = await homeWith(scriptedProvider('scripted', hello));
    const { code, stderr } = await runTollgate(home, ['generate', 'hi'], { variables: { TOLLGATE_ADDRESS: '127.0.0.1:1' } });
    expect(code).toBe(3);
    expect(stderr).toContain('TOLLGATE_ADDRESS says 127.0.0.1:1.');
  });
});
