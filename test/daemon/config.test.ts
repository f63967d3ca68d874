import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEFAULT_CONFIG } from '../../src/daemon/config/config.ts';
import { ConfigError } from '../../src/daemon/config/config-error.ts';
import { loadConfig } from '../../src/daemon/config/load-config.ts';
import { parseDuration } from '../../src/duration.ts';
import { shipped } from '../../src/plugins/index.ts';
import { hello, scriptedProvider } from './scripted-provider.ts';
import { ask, generate, temporaryHome, testDaemon } from './test-daemon.ts';

const manifests = shipped.map(({ manifest }) => manifest);

async function load(text: string): Promise<Awaited<ReturnType<typeof loadConfig>>> {
  const file = join(temporaryHome(), 'config.json');
  writeFileSync(file, text);
  return loadConfig(file, manifests);
}

const problem = async (config: unknown): Promise<string> => {
  try {
    await load(typeof config === 'string' ? config : JSON.stringify(config));
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
};

interface Place {
  readonly directory: string;
  readonly file: string;
}

function placed(text: string): Place {
  const directory = join(temporaryHome(), 'conf');
  mkdirSync(directory, { mode: 0o700 });
  const file = join(directory, 'config.json');
  writeFileSync(file, text, { mode: 0o600 });
  return { directory, file };
}

function moveAndLink(file: string, then: (target: string) => void): void {
  const target = join(temporaryHome(), 'real.json');
  renameSync(file, target);
  symlinkSync(target, file);
  then(target);
}

describe('the config file', () => {
  it('may be missing, or empty of keys: then the defaults hold', async () => {
    expect(await loadConfig(join(temporaryHome(), 'none.json'), manifests)).toEqual(DEFAULT_CONFIG);
    expect(await load('{}')).toEqual(DEFAULT_CONFIG);
  });

  it('is read whole, as api.md shows it', async () => {
    const config = await load(
      JSON.stringify({
        version: 1,
        listen: { socket: true, grpc: '127.0.0.1:0', http: '127.0.0.1:3003' },
        default_model: 'auto',
        providers: {
          openai: { enabled: true, base_url: 'https://api.openai.com/v1/', settings: { api: 'auto' } },
          cloudflare: { settings: { account_id: 'abc' } },
          'my-vllm': { type: 'openai-compatible', base_url: 'http://127.0.0.1:8000/v1', settings: { key_required: false } },
          work: { type: 'anthropic', key_env: 'WORK_ANTHROPIC_KEY' },
        },
        aliases: { fast: ['ollama/llama3.2:3b', 'openrouter/x'] },
        routing: { fallback_order: ['ollama'], allow_fallback: false, prefer_local: true, max_attempts: 3, connect_timeout: '5s', first_token_timeout: '120s', idle_timeout: '60s', attempt_timeout: null },
        limits: { max_request_bytes: 33_554_432, streams: 256, streams_per_client: 64, queue_per_client: 64 },
        tiers: {},
        clients: {},
        prices: {},
        retention: {},
        upgrade_url: '',
      }),
    );
    expect(config.providers['openai']?.baseUrl).toBe('https://api.openai.com/v1');
    expect(config.providers['my-vllm']?.settings).toEqual({ key_required: 'false' });
    expect(config.routing.connectTimeoutMs).toBe(5000);
  });

  it.each([
    ['an unknown key', { colour: 1 }, /"colour"/],
    ['an unknown key inside', { listen: { grcp: '127.0.0.1:1' } }, /listen: .*"grcp"/],
    ['a wrong type', { routing: { allow_fallback: 'yes' } }, /routing\.allow_fallback: .*boolean/],
    ['a port that is none', { listen: { grpc: '127.0.0.1:99999' } }, /listen\.grpc: .*65535/],
    ['a port as text without a host', { listen: { grpc: '22' } }, /listen\.grpc: .*127\.0\.0\.1:4780/],
    ['an address beyond loopback', { listen: { grpc: '0.0.0.0:4780' } }, /listen\.grpc: .*loopback/],
    ['nothing to listen on', { listen: { grpc: null, socket: false } }, /listen: .*"socket".*"grpc"/],
    ["one of Tollgate's own variables as a key", { providers: { openai: { key_env: 'TOLLGATE_JWT_SECRET' } } }, /providers\.openai\.key_env: .*Tollgate's own/],
    ['a version of the future', { version: 2 }, /version: .*version 1/],
    ['a span without a unit', { routing: { idle_timeout: 5 } }, /routing\.idle_timeout: .*"5s"/],
    ['a file: address', { providers: { openai: { base_url: 'file:///etc/passwd' } } }, /providers\.openai\.base_url: .*http/],
    ['an address with a key in it', { providers: { openai: { base_url: 'https://u:p@example.com' } } }, /providers\.openai\.base_url: .*environment/],
    ['a name that is none', { providers: { '../x': {} } }, /an instance is named/],
    ['an unknown type', { providers: { mine: { type: 'opnai' } } }, /providers\.mine\.type: .*"openai"\?/],
    ['an unknown setting', { providers: { cloudflare: { settings: { acount_id: 'x' } } } }, /settings\.acount_id: .*"account_id"\?/],
    ['a setting of another type', { providers: { v: { type: 'openai-compatible', base_url: 'http://127.0.0.1:1', settings: { key_required: 'maybe' } } } }, /settings\.key_required: .*true or false/],
    ['an unknown provider in the order', { routing: { fallback_order: ['olama'] } }, /routing\.fallback_order: .*"ollama"\?/],
    ['an alias with the name of a provider', { aliases: { openai: 'ollama/x' } }, /aliases\.openai: .*rename/],
    ['an alias of an alias', { aliases: { a: 'ollama/x', b: 'a' } }, /aliases\.b: .*alias itself/],
    ['a provider named auto', { providers: { auto: { type: 'openai' } } }, /providers\.auto/],
    ['limits of a tier that there is not', { tiers: { gold: {} } }, /tiers.gold: .*free, member/],
    ['a list', [], /must be an object/],
    ['null', null, /must be an object/],
    ['no JSON', '{"a": }', /not JSON: Unexpected token/],
    ['nothing', '', /not JSON/],
  ])('%s is refused, with file, path and what to write', async (_what, config, expected) => {
    const message = await problem(config);
    expect(message).toContain('config.json');
    expect(message).toMatch(expected);
  });

  it.each([
    ['can be written by everybody', ({ file }: Place) => chmodSync(file, 0o606), /chmod go-w '.*config\.json'/],
    ['is linked from a directory that others can write to', ({ directory, file }: Place) => moveAndLink(file, () => chmodSync(directory, 0o777)), /chmod go-w '.*conf'/],
    ['is linked into a directory that others can write to', ({ file }: Place) => moveAndLink(file, (target) => chmodSync(dirname(target), 0o777)), /chmod go-w/],
    ['is a FIFO', ({ file }: Place) => (rmSync(file), execFileSync('mkfifo', ['-m', '600', file])), /not a file/],
    ['is a directory', ({ file }: Place) => (rmSync(file), mkdirSync(file)), /not a file/],
    ['is longer than 1 MiB', ({ file }: Place) => truncateSync(file, 1024 * 1024 + 1), /longer than 1048576 bytes/],
  ])('that %s is refused', async (_what, spoil, words) => {
    const place = placed('{}');
    spoil(place);
    await expect(loadConfig(place.file, manifests)).rejects.toThrow(words);
  });

  it.runIf(process.getuid?.() === 0)('that a group of several can write to, or in a directory of theirs, is refused', async () => {
    for (const own of ['file', 'directory'] as const) {
      const place = placed('{}');
      chmodSync(place[own], 0o775);
      await expect(loadConfig(place.file, manifests)).rejects.toThrow(/chmod go-w/);
    }
  });

  it.runIf(process.getuid?.() === 0)('of another user, or in the directory of one, is refused', async () => {
    for (const own of ['file', 'directory'] as const) {
      const place = placed('{}');
      chownSync(place[own], 65_534, 65_534);
      await expect(loadConfig(place.file, manifests)).rejects.toThrow(`${place[own]} belongs to another user (uid 65534)`);
    }
  });

  it('may be a link, may be readable by all, and may stand in a directory where each owns what is theirs', async () => {
    const { directory, file } = placed('{"default_model": "fast"}');
    moveAndLink(file, (target) => chmodSync(target, 0o644));
    chmodSync(directory, 0o1777);
    expect((await loadConfig(file, manifests)).defaultModel).toBe('fast');
  });

  it('names every problem at once', async () => {
    expect((await problem({ colour: 1, default_model: 5, limits: { streams: 0 } })).split('\n')).toHaveLength(4);
  });
});

describe('a changed config', () => {
  it('is in force at once, and an invalid one changes nothing', async () => {
    const daemon = await testDaemon({ providers: [scriptedProvider('p', hello)] });
    const asked = async (): Promise<string> => {
      const { text, failure } = await generate(daemon, ask({ model: 'fast' }));
      return failure?.reason ?? text;
    };
    const logged = async (words: string): Promise<void> => {
      while (!daemon.log.some((line) => line.includes(words))) await new Promise(setImmediate);
    };
    expect(await asked()).toBe('MODEL_NOT_FOUND');
    daemon.writeConfig({ aliases: { fast: 'p/m' } });
    await logged('is in force');
    expect(await asked()).toBe('hello');
    daemon.writeConfig({ aliases: { fast: 5 } });
    await logged('cannot be used');
    expect(await asked()).toBe('hello');
    const told = (): string | undefined => (JSON.parse(readFileSync(daemon.environment.home.daemonFile, 'utf8')) as { config_problem?: string }).config_problem;
    while (told() === undefined) await new Promise(setImmediate);
    expect(told()).toMatch(/aliases\.fast/);
    daemon.writeConfig({ aliases: { fast: 'p/m' } });
    while (told() !== undefined) await new Promise(setImmediate);
  });

  it('is seen when the file comes later', async () => {
    const daemon = await testDaemon({ providers: [scriptedProvider('p', hello)] });
    const file = daemon.environment.home.configFile;
    rmSync(file);
    while (!daemon.log.some((line) => line.includes('is in force'))) await new Promise(setImmediate);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify({ aliases: { fast: 'p/m' } }));
    while ((await generate(daemon, ask({ model: 'fast' }))).text !== 'hello') await new Promise(setImmediate);
  });
});

it.each([
  ['500ms', 500],
  ['5s', 5000],
  ['1.5m', 90_000],
  ['2h', 7_200_000],
  ['30d', 2_592_000_000],
  ['5', undefined],
  ['-5s', undefined],
  ['5 s', undefined],
])('the span %s is %s ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});
