import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hasTerminal, listen, runTollgate, spawnOnTerminal, type RunOptions } from '../cli/run-tollgate.ts';
import { canaryFinder, canaryKey, canaryPrompt } from './canary.ts';
import { goodKey, listEcho } from './canary-answers.ts';
import { findInFiles, findInProcess, processTree } from './canary-places.ts';
import { echoUpstream, http, type EchoAnswer } from './canary-upstream.ts';
import { temporaryHome } from './test-daemon.ts';

const openai = canaryKey('sk-proj-', 'openai by hand');
const deepseek = canaryKey('sk-', 'deepseek by hand');
const groq = canaryKey('gsk_', 'groq in a file');
const find = canaryFinder([openai, deepseek, groq]);
const findPrompt = canaryFinder([canaryPrompt]);

const refused = (key: string): EchoAnswer => http({ status: 401, phrase: key, body: JSON.stringify({ error: { message: `Incorrect API key provided: ${key}` } }) });
const down = (key: string): EchoAnswer => http({ status: 500, body: `<title>${key}</title>` });

interface Hand {
  readonly home: string;
  readonly problems: string[];
  /** Runs a command, which must end with this code and show no canary. */
  readonly run: (code: number, args: readonly string[], options?: RunOptions) => Promise<string>;
}

/** Commands in a home of their own, whose daemon logs all that it can to its file. */
function byHand(url: string): Hand {
  const home = temporaryHome();
  mkdirSync(join(home, 'config'));
  const providers = Object.fromEntries(['openai', 'deepseek', 'groq'].map((name) => [name, { base_url: url, settings: name === 'openai' ? { api: 'chat' } : {} }]));
  writeFileSync(join(home, 'config', 'config.json'), JSON.stringify({ listen: { grpc: '127.0.0.1:0', http: null }, providers }));
  onTestFinished(async () => void (await runTollgate(home, ['stop', '--now'])));
  const problems: string[] = [];
  return {
    home,
    problems,
    run: async (code, args, options = {}) => {
      const { code: ended, stdout, stderr } = await runTollgate(home, args, { cwd: home, ...options, variables: { TOLLGATE_LOG_LEVEL: 'trace', ...options.variables } });
      const said = stdout + stderr;
      const found = find(said);
      const named = args.map((word) => (find(word) === undefined ? word : '<key>')).join(' ');
      if (ended !== code) problems.push(`tollgate ${named}: ended with ${ended}, not with ${code}: ${said.slice(0, 300)}`);
      if (found !== undefined) problems.push(`tollgate ${named}: ${found.form}: ${found.around}`);
      return said;
    },
  };
}

describe('a key in the hands of the command line', () => {
  it('is shown by no command, and kept by none in the clear', { timeout: 120_000 }, async () => {
    const upstream = await echoUpstream();
    const { run, home, problems } = byHand(upstream.url);
    const work = temporaryHome();
    writeFileSync(join(work, '.env'), `GROQ_API_KEY=${groq.text}\nBROKEN="${groq.text}\n`);
    await run(0, ['start']);
    const { pid } = JSON.parse(readFileSync(join(home, 'run', 'daemon.json'), 'utf8')) as { pid: number };

    upstream.play(refused);
    expect(await run(1, ['keys', 'set', 'openai'], { stdin: openai.text })).toContain('KEY_REJECTED');
    await run(2, ['keys', 'set', 'openai'], { stdin: `${openai.text}\n${openai.text}\n` });
    await run(1, ['keys', 'set', 'groq'], { stdin: openai.text });
    await run(2, ['keys', 'set', 'openai', openai.text]);
    await run(2, ['keys', 'set', openai.text]);
    await run(2, ['keys', 'set', 'openai', '--label', openai.text]);
    await run(2, ['config', 'set', 'providers.openai.settings.organization', openai.text]);
    await run(1, ['keys', 'import', '--yes', '--no-wipe'], { cwd: work, variables: { DEEPSEEK_API_KEY: deepseek.text } });

    upstream.play(goodKey);
    expect(await run(0, ['keys', 'set', 'openai'], { stdin: openai.text })).toContain(openai.text.slice(-4));
    expect(await run(0, ['keys', 'import', '--yes', '--no-wipe'], { cwd: work, variables: { DEEPSEEK_API_KEY: deepseek.text } })).toContain(groq.text.slice(-4));
    upstream.play(listEcho);
    await run(0, ['models', '-v']);
    upstream.play(down);
    await run(1, ['embed', '-m', 'openai/text-embedding-3-small', canaryPrompt.text]);
    upstream.play(refused);
    await run(1, ['generate', canaryPrompt.text, '-m', 'openai/gpt-4o']);
    await run(1, ['generate', canaryPrompt.text, '-m', 'openai/gpt-4o', '--json']);
    await run(1, ['generate', canaryPrompt.text, '-m', `openai/${deepseek.text}`]);
    await run(1, ['keys', 'test']);
    await run(1, ['keys', 'test', 'openai', '--json']);
    expect(new Set(upstream.keys)).toEqual(new Set([openai.text, deepseek.text, groq.text]));
    await run(0, ['keys', 'list', '--all']);
    await run(0, ['keys', 'list', '--json']);
    await run(1, ['keys', 'unlock', '--passphrase'], { stdin: openai.text });
    await run(0, ['keys', 'lock']);
    await run(1, ['generate', canaryPrompt.text, '-m', 'openai/gpt-4o']);
    await run(0, ['keys', 'unlock']);
    await run(0, ['keys', 'rm', 'openai', '--yes']);
    await run(0, ['status', '--json']);
    await run(0, ['config', 'show']);

    expect(problems).toEqual([]);
    expect(readFileSync(join(home, 'state', 'tollgated.log'), 'utf8')).toContain('"rpc":"Generate"');
    expect(findInFiles(home, find)).toEqual([]);
    expect(findInFiles(home, findPrompt)).toEqual([]);
    // `import` was run with a key in its own environment, and a daemon was there already.
    if (process.platform === 'linux') expect(processTree(pid).flatMap((each) => findInProcess(each, find))).toEqual([]);
  });

  it('is not shown by a start that a broken config prevents', async () => {
    const { run, home, problems } = byHand('http://127.0.0.1:9');
    for (const text of [`{"openai": ${openai.text}}`, `{"${openai.text}": 1}`, `{"providers": {"openai": {"key_env": "${groq.text}"}}}`, openai.text]) {
      writeFileSync(join(home, 'config', 'config.json'), text);
      expect(await run(3, ['start'])).toContain('config.json');
    }
    writeFileSync(join(home, 'config', 'config.json'), '{}');
    expect(problems).toEqual([]);
    expect(findInFiles(home, find)).toEqual([]);
  });

  it.runIf(hasTerminal)('is not shown while it is typed at a terminal, nor when that is given up', async () => {
    const upstream = await echoUpstream();
    const { run, home, problems } = byHand(upstream.url);
    await run(0, ['start']);
    for (const [answer, typed, code] of [[refused, `${deepseek.text}\r`, 1], [goodKey, `${deepseek.text.slice(0, 30)}\u0003`, 130], [goodKey, `${deepseek.text}\r`, 0]] as const) {
      upstream.play(answer);
      const child = spawnOnTerminal(home, ['keys', 'set', 'deepseek']);
      const exit = once(child, 'exit');
      const { until, heard } = listen(child.stdout);
      await until('not shown: ');
      child.stdin.write(typed);
      expect({ code: await exit, said: heard() }).toEqual({ code: [code, null], said: expect.stringContaining('DeepSeek') });
      expect(find(heard())).toBeUndefined();
    }
    expect(problems).toEqual([]);
    expect(findInFiles(home, find)).toEqual([]);
  });
});
