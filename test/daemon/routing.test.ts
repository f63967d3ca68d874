import { createServer } from 'node:net';
import { once } from 'node:events';
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { Attempt_Outcome } from '../../src/gen/tollgate/v1/content.ts';
import { ErrorClass, ProviderError, started, type Provider } from '../../src/plugins/provider.ts';
import { hello, say, scriptedProvider, type ScriptedProvider } from './scripted-provider.ts';
import { ask, generate, testDaemon, type Generated, type TestDaemon } from './test-daemon.ts';

const CLAIMS: Readonly<Record<string, readonly string[]>> = {
  openai: ['^(gpt-|o[134](-|$)|chatgpt-|ft:|text-embedding-)'],
  anthropic: ['^claude-'],
  cloudflare: ['^@cf/'],
  together: ['^togethercomputer/'],
  openrouter: [],
  ollama: ['^hf\\.co/.+', '^(?!ft:)[^/:]+:[^/:]+$'],
};

/** The claims of the six of the old system, with providers that answer by name. */
const six = (): ScriptedProvider[] => Object.entries(CLAIMS).map(([type, claims]) => scriptedProvider(type, hello, { claims: [...claims], isLocal: type === 'ollama' }));

const answeredBy = ({ events, failure }: Generated): string => {
  const first = events[0]?.event;
  return first?.$case === 'attemptStarted' ? `${first.value.provider} ${first.value.model}` : `${failure?.reason}`;
};

describe('model ids', () => {
  const table: readonly (readonly [string, string])[] = [
    ['together/meta-llama/Llama-3.3-70B-Instruct-Turbo', 'together meta-llama/Llama-3.3-70B-Instruct-Turbo'],
    ['togethercomputer/x', 'together togethercomputer/x'],
    ['cloudflare/@cf/meta/llama-3.1-8b-instruct', 'cloudflare @cf/meta/llama-3.1-8b-instruct'],
    ['@cf/meta/llama-3.1-8b-instruct', 'cloudflare @cf/meta/llama-3.1-8b-instruct'],
    ['openrouter/anthropic/claude-3-haiku', 'openrouter anthropic/claude-3-haiku'],
    ['o1', 'openai o1'],
    ['o3', 'openai o3'],
    ['o4-mini', 'openai o4-mini'],
    ['chatgpt-4o-latest', 'openai chatgpt-4o-latest'],
    ['gpt-4o-mini', 'openai gpt-4o-mini'],
    ['ft:gpt-4o:org::id', 'openai ft:gpt-4o:org::id'],
    ['claude-haiku-4-5', 'anthropic claude-haiku-4-5'],
    ['llama3.2:3b', 'ollama llama3.2:3b'],
    ['gpt-oss:20b', 'ollama gpt-oss:20b'],
    ['hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF', 'ollama hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF'],
    ['nobody/gpt-4o', 'PROVIDER_NOT_FOUND'],
    ['some-model', 'MODEL_NOT_FOUND'],
    ['openai/', 'MODEL_NOT_FOUND'],
  ];
  it.each(table)('%s asks %s', async (model, expected) => {
    const daemon = await testDaemon({ providers: six() });
    expect(answeredBy(await generate(daemon, ask({ model })))).toBe(expected);
  });

  it('an alias comes first, an empty id is the default model', async () => {
    const daemon = await testDaemon({ providers: six(), config: { default_model: 'fast', aliases: { fast: ['openai/quick', 'ollama/slow:1b'], 'gpt-4o': 'anthropic/claude-x' } } });
    expect(answeredBy(await generate(daemon, ask({ model: '' })))).toBe('openai quick');
    expect(answeredBy(await generate(daemon, ask({ model: 'gpt-4o' })))).toBe('anthropic claude-x');
  });

  it('an instance of another name answers under that name and claims nothing', async () => {
    const daemon = await testDaemon({ providers: six(), config: { providers: { work: { type: 'openai', base_url: 'http://127.0.0.1:1/v1' } } } });
    expect(answeredBy(await generate(daemon, ask({ model: 'work/gpt-4o' })))).toBe('work gpt-4o');
    expect(answeredBy(await generate(daemon, ask({ model: 'gpt-4o' })))).toBe('openai gpt-4o');
  });

  it('a provider that is switched off is not found', async () => {
    const daemon = await testDaemon({ providers: six(), config: { providers: { openai: { enabled: false } } } });
    const { failure } = await generate(daemon, ask({ model: 'openai/gpt-4o' }));
    expect(failure).toMatchObject({ code: status.NOT_FOUND, reason: 'PROVIDER_NOT_FOUND', generation: { attempts: [{ outcome: Attempt_Outcome.SKIPPED }] } });
  });

  it('a misspelt id is answered with the nearest known one', async () => {
    const daemon = await testDaemon({ providers: six(), config: { aliases: { fast: 'openai/quick' } } });
    const { failure } = await generate(daemon, ask({ model: 'fats' }));
    expect(failure).toMatchObject({ reason: 'MODEL_NOT_FOUND', metadata: { nearest: 'fast' } });
  });
});

const keyed = (type: string, variable: string): ScriptedProvider => scriptedProvider(type, hello, { isLocal: false, key: { required: true, format: '', envNames: [variable] }, defaultBaseUrl: 'https://example.invalid' });

const refused = (type: string): Provider =>
  scriptedProvider(type, async function* () {
    throw new ProviderError(ErrorClass.NETWORK, 'cannot reach 127.0.0.1:1 (ECONNREFUSED)', { code: 'ECONNREFUSED' });
    // oxlint-disable-next-line no-unreachable
    yield started();
  });

const failing = (type: string, errorClass: ErrorClass, calls: string[] = []): Provider =>
  scriptedProvider(
    type,
    async function* () {
      calls.push(type);
      yield started();
      throw new ProviderError(errorClass, 'no');
    },
    { isLocal: false },
  );

describe('auto and lists', () => {
  const order = (...names: string[]) => ({ routing: { fallback_order: names } });

  it('parity: with only an OpenAI key and Ollama down, the first call of auto answers', async () => {
    const daemon = await testDaemon({ providers: [refused('ollama'), keyed('together', 'TOGETHER_API_KEY'), keyed('openai', 'OPENAI_API_KEY')], config: order('ollama', 'together', 'openai'), variables: { OPENAI_API_KEY: 'sk-test' } });
    const { events, text, failure } = await generate(daemon, ask({ model: 'auto' }));
    expect([text, failure]).toEqual(['hello', undefined]);
    expect(events.filter(({ event }) => event?.$case === 'attemptStarted')).toHaveLength(1);
    const last = events.at(-1)?.event;
    expect(last?.$case === 'finish' && last.value.attempts.map(({ provider, outcome, reason }) => [provider, outcome, reason])).toEqual([
      ['ollama', Attempt_Outcome.SKIPPED, 'PROVIDER_UNAVAILABLE'],
      ['together', Attempt_Outcome.SKIPPED, 'KEY_MISSING'],
      ['openai', Attempt_Outcome.SUCCEEDED, ''],
    ]);
  });

  it('parity: missing keys use up no attempts', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const daemon = await testDaemon({ providers: names.map((name) => keyed(name, `${name.toUpperCase()}_KEY`)), config: { routing: { fallback_order: names, max_attempts: 1 } }, variables: { E_KEY: 'k' } });
    expect((await generate(daemon, ask({ model: 'auto' }))).text).toBe('hello');
  });

  it('says NO_PROVIDER_READY, and why each is not, when none is', async () => {
    const daemon = await testDaemon({ providers: [refused('ollama'), keyed('openai', 'OPENAI_API_KEY')], config: order('ollama', 'openai') });
    const { failure } = await generate(daemon, ask({ model: 'auto' }));
    expect(failure).toMatchObject({ code: status.FAILED_PRECONDITION, reason: 'NO_PROVIDER_READY' });
    expect(failure?.generation?.attempts.map(({ reason }) => reason)).toEqual(['PROVIDER_UNAVAILABLE', 'KEY_MISSING']);
  });

  it('auto asks a provider for the default model of the config, and says when there is none', async () => {
    const own = scriptedProvider('own', hello, { defaultModel: '' });
    const without = await testDaemon({ providers: [own], config: order('own') });
    expect((await generate(without, ask({ model: 'auto' }))).failure?.generation?.attempts[0]).toMatchObject({ provider: 'own', reason: 'SETTING_MISSING' });
    const named = await testDaemon({ providers: [own], config: { ...order('own'), providers: { own: { default_model: 'm1' } } } });
    expect(answeredBy(await generate(named, ask({ model: 'auto' })))).toBe('own m1');
  });

  it('names the variable to set when a key is missing', async () => {
    const daemon = await testDaemon({ providers: [keyed('openai', 'OPENAI_API_KEY')] });
    const { failure } = await generate(daemon, ask({ model: 'openai/gpt' }));
    expect(failure).toMatchObject({ code: status.FAILED_PRECONDITION, reason: 'KEY_MISSING', metadata: { key_env: 'OPENAI_API_KEY' } });
    expect(failure?.message).toContain('OPENAI_API_KEY');
  });

  it('names the setting that is missing', async () => {
    const provider = scriptedProvider('cloudflare', hello, { isLocal: false, defaultBaseUrl: 'https://example.invalid', settings: [{ name: 'account_id', type: 1, description: '', required: true, values: [], envNames: ['CLOUDFLARE_ACCOUNT_ID'], defaultValue: '' }] });
    const missing = await testDaemon({ providers: [provider] });
    expect((await generate(missing, ask({ model: 'cloudflare/x' }))).failure).toMatchObject({ reason: 'SETTING_MISSING', metadata: { settings: 'account_id' } });
    const fromVariable = await testDaemon({ providers: [provider], variables: { CLOUDFLARE_ACCOUNT_ID: 'abc' } });
    expect((await generate(fromVariable, ask({ model: 'cloudflare/x' }))).text).toBe('hello');
    expect(provider.requests[0]?.instance?.settings).toEqual({ account_id: 'abc' });
  });

  it('goes on along an alias list after a failure that may pass, and tells it', async () => {
    const daemon = await testDaemon({ providers: [failing('a', ErrorClass.OVERLOADED), scriptedProvider('b', hello)], config: { aliases: { list: ['a/x', 'b/y'] } } });
    const { events, text } = await generate(daemon, ask({ model: 'list' }));
    expect(text).toBe('hello');
    expect([...new Set(events.map(({ event }, at) => `${event?.$case === 'textDelta' ? '' : at}${event?.$case}`))]).toEqual(['0attemptStarted', '1attemptFailed', '2attemptStarted', 'textDelta', `${events.length - 1}finish`]);
    expect(events[1]?.event).toMatchObject({ value: { attempt: 1, provider: 'a', reason: 'PROVIDER_OVERLOADED' } });
  });

  it("parity: a caller's bad prompt is not sent to the next provider", async () => {
    const calls: string[] = [];
    const daemon = await testDaemon({ providers: [failing('a', ErrorClass.INVALID_REQUEST, calls), failing('b', ErrorClass.SERVER, calls)], config: { aliases: { list: ['a/x', 'b/y'] } } });
    const { failure } = await generate(daemon, ask({ model: 'list' }));
    expect(calls).toEqual(['a']);
    expect(failure).toMatchObject({ code: status.INVALID_ARGUMENT, reason: 'REQUEST_REJECTED' });
  });

  it('does not go on once content was shown', async () => {
    const half = scriptedProvider('a', async function* () {
      yield started();
      yield say('half');
      throw new ProviderError(ErrorClass.SERVER, 'broke');
    });
    const daemon = await testDaemon({ providers: [half, scriptedProvider('b', hello)], config: { aliases: { list: ['a/x', 'b/y'] } } });
    const { text, failure } = await generate(daemon, ask({ model: 'list' }));
    expect([text, failure?.reason]).toEqual(['half', 'PROVIDER_UNAVAILABLE']);
  });

  it('says ALL_ATTEMPTS_FAILED when two providers failed', async () => {
    const daemon = await testDaemon({ providers: [failing('a', ErrorClass.SERVER), failing('b', ErrorClass.AUTH)] });
    const { failure } = await generate(daemon, ask({ model: 'a/x', routing: { fallbackModels: ['b/y'] } }));
    expect(failure).toMatchObject({ code: status.UNAVAILABLE, reason: 'ALL_ATTEMPTS_FAILED' });
    expect(failure?.generation?.attempts).toHaveLength(2);
  });

  it('parity: the requested model is not swapped unless the request or the config allows it', async () => {
    const calls: string[] = [];
    const daemon = await testDaemon({ providers: [failing('a', ErrorClass.SERVER, calls), failing('b', ErrorClass.SERVER, calls)], config: order('a', 'b') });
    const { failure } = await generate(daemon, ask({ model: 'a/x' }));
    expect(new Set(calls)).toEqual(new Set(['a']));
    expect(failure?.reason).toBe('PROVIDER_UNAVAILABLE');
  });

  it('parity: local_only never leaves the machine, by request or by config', async () => {
    const cloud = keyed('openai', 'OPENAI_API_KEY');
    const variables = { OPENAI_API_KEY: 'sk-test' };
    const byRequest = await testDaemon({ providers: [refused('ollama'), cloud], config: order('ollama', 'openai'), variables });
    expect((await generate(byRequest, ask({ model: 'auto', routing: { localOnly: true } }))).failure?.reason).toBe('NO_PROVIDER_READY');
    expect((await generate(byRequest, ask({ model: 'openai/x', routing: { localOnly: true } }))).failure?.reason).toBe('NO_CANDIDATE_FITS');
    const byConfig = await testDaemon({ providers: [cloud], config: { routing: { local_only: true } }, variables });
    expect((await generate(byConfig, ask({ model: 'openai/x', routing: { localOnly: false } }))).failure?.reason).toBe('NO_CANDIDATE_FITS');
    expect(cloud.requests).toHaveLength(0);
  });

  it('a local type at an address elsewhere is not local', async () => {
    const ollama = scriptedProvider('ollama', hello, { defaultBaseUrl: 'http://localhost:11434', baseUrlEnvName: 'OLLAMA_HOST' });
    const here = await testDaemon({ providers: [ollama], variables: { OLLAMA_HOST: '0.0.0.0:11434' } });
    expect((await generate(here, ask({ model: 'ollama/x', routing: { localOnly: true } }))).text).toBe('hello');
    const elsewhere = await testDaemon({ providers: [ollama], variables: { OLLAMA_HOST: 'https://ollama.com' } });
    expect((await generate(elsewhere, ask({ model: 'ollama/x', routing: { localOnly: true } }))).failure?.reason).toBe('NO_CANDIDATE_FITS');
  });
});

describe('time limits', () => {
  const never = (signal: AbortSignal): Promise<never> => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }));
  const at = (when: 'connect' | 'first' | 'idle'): ScriptedProvider =>
    scriptedProvider('p', async function* (_request, { signal }) {
      if (when === 'connect') await never(signal);
      yield started();
      if (when === 'first') await never(signal);
      yield say('x');
      await never(signal);
    });
  const limits = { routing: { connect_timeout: '30ms', first_token_timeout: '30ms', idle_timeout: '30ms' } };
  const run = async (daemon: Promise<TestDaemon>, request = ask({ model: 'p/m' })) => (await generate(await daemon, request)).failure;

  it.each([
    ['connect', 'CONNECT_TIMEOUT'],
    ['first', 'FIRST_TOKEN_TIMEOUT'],
    ['idle', 'IDLE_TIMEOUT'],
  ] as const)('a provider that hangs at %s fails with %s', async (when, reason) => {
    expect(await run(testDaemon({ providers: [at(when)], config: limits }))).toMatchObject({ code: status.DEADLINE_EXCEEDED, reason });
  });

  it('the limits of the request win over those of the config', async () => {
    const request = ask({ model: 'p/m', routing: { idleTimeout: { seconds: 0n, nanos: 20_000_000 } } });
    expect(await run(testDaemon({ providers: [at('idle')] }), request)).toMatchObject({ reason: 'IDLE_TIMEOUT' });
  });

  it('an attempt has no limit of its own unless one is set', async () => {
    const request = ask({ model: 'p/m', routing: { attemptTimeout: { seconds: 0n, nanos: 20_000_000 } } });
    expect(await run(testDaemon({ providers: [at('idle')] }), request)).toMatchObject({ reason: 'ATTEMPT_TIMEOUT' });
  });

  it('parity: a timeout aborts the request to the provider', async () => {
    const aborted = Promise.withResolvers<void>();
    const provider = scriptedProvider('p', async function* (_request, { signal }) {
      yield started();
      signal.addEventListener('abort', () => aborted.resolve(), { once: true });
      await never(signal);
    });
    await run(testDaemon({ providers: [provider], config: limits }));
    await aborted.promise;
  });
});

describe('what a plugin gets to see', () => {
  it('is its own metadata, options and reasoning only', async () => {
    const provider = scriptedProvider('p', hello);
    const daemon = await testDaemon({ providers: [provider, scriptedProvider('q', hello)] });
    const reasoning = (providerType: string) => ({ part: { $case: 'reasoning' as const, value: { text: providerType, signature: 's', redactedData: Buffer.alloc(0), providerType } }, providerMetadataJson: { p: '1', q: '2' } });
    await generate(
      daemon,
      ask({
        model: 'p/m',
        messages: [
          { role: 2, parts: [{ part: { $case: 'text', value: 'hi' } }] },
          { role: 3, parts: [reasoning('p'), reasoning('q')] },
          { role: 3, parts: [reasoning('q')] },
          { role: 2, parts: [{ part: { $case: 'text', value: 'go on' } }] },
        ],
        providerOptionsJson: { p: '{"a":1}', q: '{"b":2}' },
      }),
    );
    const [seen] = provider.requests;
    expect(seen?.messages.map(({ parts }) => parts.map(({ part, providerMetadataJson }) => [part?.$case, providerMetadataJson]))).toEqual([[['text', {}]], [['reasoning', { p: '1' }]], [['text', {}]]]);
    expect(seen?.providerOptionsJson).toEqual({ p: '{"a":1}' });
  });
});

describe('a port that somebody else holds', () => {
  it('is refused when the config names it, with what to do', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await expect(testDaemon({ config: { listen: { grpc: `127.0.0.1:${port}` } } })).rejects.toThrow(/taken by another program.*listen\.grpc/s);
    other.close();
  });
});
