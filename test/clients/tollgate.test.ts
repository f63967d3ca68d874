import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connect, type ConnectOptions, Role, system, type Tollgate, TollgateError, toolResult, user } from '../../src/clients/typescript/index.ts';
import { startDaemon } from '../../src/daemon/daemon.ts';
import { readEnvironment } from '../../src/environment.ts';
import { makeLogger } from '../../src/daemon/logger.ts';
import { reasoningDelta, started, toolCallDelta } from '../../src/plugins/provider.ts';
import { done, hello, say, scriptedProvider } from '../daemon/scripted-provider.ts';
import { temporaryHome, testDaemon } from '../daemon/test-daemon.ts';

const question = { model: 'scripted/m', messages: [user('hi')] };

async function connected(options: ConnectOptions): Promise<Tollgate> {
  const tollgate = await connect(options);
  onTestFinished(() => tollgate.close());
  return tollgate;
}

/** An answer of which nothing comes after the first word, and what becomes of the provider's signal. */
function endless(): { provider: ReturnType<typeof scriptedProvider>; aborted: Promise<void> } {
  const aborted = Promise.withResolvers<void>();
  const provider = scriptedProvider('scripted', async function* endlessScript(_request, { signal }) {
    signal.addEventListener('abort', () => aborted.resolve());
    yield started();
    yield say('first');
    await once(signal, 'abort');
    throw signal.reason;
  });
  return { provider, aborted: aborted.promise };
}

describe('the TypeScript client', () => {
  it('finds the daemon and the token of the same user by itself', async () => {
    const { environment, daemon } = await testDaemon({ providers: [scriptedProvider('scripted', hello)] });
    const tollgate = await connected({ environment });
    expect(tollgate.address).toBe(`unix:${daemon.socket}`);
    expect(await tollgate.whoAmI()).toMatchObject({ client: 'admin', tier: 'admin' });
    expect(await tollgate.ready()).toBe(true);
  });

  it('streams typed events, then knows the finish', async () => {
    const { environment } = await testDaemon({ providers: [scriptedProvider('scripted', hello)] });
    const tollgate = await connected({ environment });
    const generation = tollgate.generate(question);
    let text = '';
    const seqs: bigint[] = [];
    for await (const event of generation) {
      seqs.push(event.seq);
      if (event.$case === 'textDelta') text += event.value.text;
    }
    expect(text).toBe('hello');
    expect(seqs).toEqual(seqs.map((_, index) => BigInt(index)));
    expect(await generation.finish()).toMatchObject({ responseModel: 'scripted-1', usage: { inputTokens: 3n, outputTokens: 2n } });
  });

  it('sends one request for text(), finish() and message() together, and none before', async () => {
    const provider = scriptedProvider('scripted', hello);
    const { environment } = await testDaemon({ providers: [provider] });
    const tollgate = await connected({ environment });
    const generation = tollgate.generate(question);
    await tollgate.whoAmI();
    expect(provider.requests).toHaveLength(0);
    const [text, finish, message] = await Promise.all([generation.text(), generation.finish(), generation.message()]);
    expect(text).toBe('hello');
    expect(finish.rawFinishReason).toBe('stop');
    expect(message).toMatchObject({ role: Role.ASSISTANT, parts: [{ part: { value: 'hello' } }] });
    expect(provider.requests).toHaveLength(1);
  });

  it('gives a message that goes back to the same provider as it came', async () => {
    let turn = 0;
    const provider = scriptedProvider('scripted', async function* think(): AsyncGenerator<ReturnType<typeof started>> {
      yield started();
      if (turn++ > 0) {
        yield say('done');
        yield done();
        return;
      }
      yield reasoningDelta({ part: 0, text: 'Hm', signature: '', redactedData: Buffer.alloc(0), providerMetadataJson: {} });
      yield reasoningDelta({ part: 0, text: '.', signature: 'sig', redactedData: Buffer.from([1, 2]), providerMetadataJson: { scripted: '{"x":1}' } });
      yield toolCallDelta({ part: 1, index: 0, id: 'call_1', name: 'now', argumentsJsonFragment: '{"zone"', providerMetadataJson: {} });
      yield toolCallDelta({ part: 1, index: 0, id: '', name: '', argumentsJsonFragment: ':"UTC"}', providerMetadataJson: {} });
      yield done();
    });
    const { environment } = await testDaemon({ providers: [provider] });
    const tollgate = await connected({ environment });
    const tools = [{ name: 'now', description: 'Says the time.', parametersJson: '{"type":"object"}' }];
    const answer = await tollgate.generate({ ...question, tools }).message();
    const messages = [system('Be brief.'), user('hi'), answer, toolResult('call_1', '12:00')];
    expect(await tollgate.generate({ ...question, tools, messages }).text()).toBe('done');
    expect(provider.requests[1]?.messages[2]).toMatchObject({
      role: Role.ASSISTANT,
      parts: [
        { part: { $case: 'reasoning', value: { text: 'Hm.', signature: 'sig', redactedData: Buffer.from([1, 2]), providerType: 'scripted' } }, providerMetadataJson: { scripted: '{"x":1}' } },
        { part: { $case: 'toolCall', value: { id: 'call_1', name: 'now', argumentsJson: '{"zone":"UTC"}' } } },
      ],
    });
  });

  it('cancels the call when the reader leaves the loop', async () => {
    const { provider, aborted } = endless();
    const { environment } = await testDaemon({ providers: [provider] });
    const tollgate = await connected({ environment });
    for await (const event of tollgate.generate(question)) if (event.$case === 'textDelta') break;
    await aborted;
  });

  it('cancels the call when the reader leaves while the next event is awaited', async () => {
    const { provider, aborted } = endless();
    const { environment } = await testDaemon({ providers: [provider] });
    const tollgate = await connected({ environment });
    const events = tollgate.generate(question)[Symbol.asyncIterator]();
    expect((await events.next()).value?.$case).toBe('attemptStarted');
    expect((await events.next()).value?.$case).toBe('textDelta');
    const pending = events.next();
    await Promise.all([events.return?.(), expect(pending).rejects.toMatchObject({ reason: 'CANCELLED' }), aborted]);
  });

  it('ends with CANCELLED when its signal fires, and keeps the cause', async () => {
    const { provider, aborted } = endless();
    const { environment } = await testDaemon({ providers: [provider] });
    const tollgate = await connected({ environment });
    const controller = new AbortController();
    const cause = new Error('changed my mind');
    const read = async (): Promise<void> => {
      for await (const event of tollgate.generate(question, { signal: controller.signal })) if (event.$case === 'textDelta') controller.abort(cause);
    };
    await expect(read()).rejects.toMatchObject({ reason: 'CANCELLED', cause });
    await aborted;
    await expect(tollgate.generate(question, { signal: controller.signal }).text()).rejects.toMatchObject({ reason: 'CANCELLED' });
    await expect(tollgate.whoAmI({ signal: controller.signal })).rejects.toMatchObject({ reason: 'CANCELLED' });
    expect(provider.requests).toHaveLength(1);
  });

  it('ends with DEADLINE when its time is over', async () => {
    const { provider, aborted } = endless();
    const { environment } = await testDaemon({ providers: [provider] });
    const tollgate = await connected({ environment });
    await expect(tollgate.generate(question, { timeoutMs: 300 }).text()).rejects.toMatchObject({ reason: 'DEADLINE', code: 'DEADLINE_EXCEEDED' });
    await aborted;
  });

  it('holds the provider back while its reader is slow', async () => {
    const piece = 'x'.repeat(16_384);
    const pieces = 4096;
    let made = 0;
    const provider = scriptedProvider('scripted', async function* flood() {
      yield started();
      for (; made < pieces; made++) yield say(piece);
      yield done();
    });
    const { environment } = await testDaemon({ providers: [provider] });
    const tollgate = await connected({ environment });
    const events = tollgate.generate(question)[Symbol.asyncIterator]();
    /** How many pieces were made once no more are: nothing tells of standing still but that it lasts. */
    const settled = async (): Promise<number> => {
      for (let before = -1; before !== made;) {
        before = made;
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
      return made;
    };
    await events.next();
    const unread = await settled();
    expect(unread * piece.length).toBeLessThan(2 * 1024 * 1024);
    let read = 0;
    while (read < 8 * 1024 * 1024) {
      const { value } = await events.next();
      if (value?.$case === 'textDelta') read += value.value.text.length;
    }
    const ahead = (await settled()) * piece.length - read;
    expect(ahead).toBeGreaterThanOrEqual(0);
    expect(ahead).toBeLessThan(2 * 1024 * 1024);
    await events.return?.();
  });

  it('says what the daemon says, as a TollgateError', async () => {
    const { environment } = await testDaemon({ providers: [scriptedProvider('scripted', hello)] });
    const tollgate = await connected({ environment });
    const unknown = tollgate.generate({ ...question, model: 'nobody/m' }).text();
    await expect(unknown).rejects.toBeInstanceOf(TollgateError);
    await expect(unknown).rejects.toMatchObject({ reason: 'PROVIDER_NOT_FOUND', code: 'NOT_FOUND', retryable: false });
    const wrong = tollgate.generate({ ...question, maxOutputTokens: 0 }).text();
    await expect(wrong).rejects.toMatchObject({ reason: 'REQUEST_INVALID', violations: [{ field: 'max_output_tokens' }] });
  });

  it('tells what a generation did before it failed', async () => {
    const provider = scriptedProvider('scripted', async function* cut() {
      yield started();
      yield say('half an ans');
    });
    const { environment } = await testDaemon({ providers: [provider] });
    const tollgate = await connected({ environment });
    const failure: unknown = await tollgate.generate(question).text().catch((error: unknown) => error);
    expect(failure).toMatchObject({ reason: 'RESPONSE_TRUNCATED', retryable: true, failure: { partial: true, attempts: [{ provider: 'scripted' }] } });
  });

  it('lists the models of all pages', async () => {
    const provider = scriptedProvider('scripted', hello);
    const all = Array.from({ length: 2300 }, (_, index) => `m${String(index).padStart(4, '0')}`);
    provider.listModels = async () => all.map((model) => ({ model, displayName: '', contextWindow: undefined, maxOutputTokens: undefined, inputModalities: [], capabilities: [], refuses: [] }));
    const { environment } = await testDaemon({ providers: [provider] });
    const tollgate = await connected({ environment });
    expect((await tollgate.listModels()).models.map(({ model }) => model)).toEqual(all);
    expect((await tollgate.listModels({ filter: 'm000' })).models).toHaveLength(10);
    expect((await tollgate.listModels({ provider: 'scripted', filter: '2299' })).models[0]?.id).toBe('scripted/m2299');
  });

  it('makes a token for another program, which then calls with it', async () => {
    const { environment, daemon } = await testDaemon({ providers: [scriptedProvider('scripted', hello)] });
    const admin = await connected({ environment });
    const { token } = await admin.createToken({ client: 'my-app', scopes: ['generate'], tier: 'member' });
    const app = await connected({ environment: readEnvironment({ TOLLGATE_HOME: '/nowhere', TOLLGATE_ADDRESS: daemon.grpc, TOLLGATE_TOKEN: token }) });
    expect(await app.whoAmI()).toMatchObject({ client: 'my-app', scopes: ['generate'], tier: 'member' });
    expect(await app.generate(question).text()).toBe('hello');
    await expect(app.createToken({ client: 'x', scopes: ['generate'] })).rejects.toMatchObject({ reason: 'SCOPE_MISSING', code: 'PERMISSION_DENIED' });
  });

  it('sends the admin token to no daemon but the one that wrote it', async () => {
    const mine = await testDaemon({ providers: [scriptedProvider('scripted', hello)] });
    const other = await testDaemon({ providers: [scriptedProvider('scripted', hello)] });
    const stranger = await connected({ environment: mine.environment, address: other.daemon.grpc });
    await expect(stranger.whoAmI()).rejects.toMatchObject({ reason: 'TOKEN_MISSING', code: 'UNAUTHENTICATED' });
    const own = await connected({ environment: mine.environment, address: mine.daemon.grpc });
    expect((await own.whoAmI()).client).toBe('admin');
  });

  it('goes on with a token that was given, even when it is bad', async () => {
    const { environment } = await testDaemon();
    const tollgate = await connected({ environment, token: 'not.a.token' });
    await expect(tollgate.whoAmI()).rejects.toMatchObject({ reason: 'TOKEN_INVALID' });
  });

  it('goes on by itself when the daemon was restarted, with its new address and token', async () => {
    const providers = [scriptedProvider('scripted', hello)];
    const test = await testDaemon({ providers });
    const { environment, daemon } = test;
    const tollgate = await connected({ environment });
    expect(await tollgate.generate(question).text()).toBe('hello');
    await daemon.close(true);
    await expect(tollgate.whoAmI()).rejects.toMatchObject({ reason: 'DAEMON_UNREACHABLE' });
    test.writeConfig({ listen: { socket: false, grpc: '127.0.0.1:0', http: null } });
    const next = await startDaemon({ environment, providers, log: makeLogger('silent', { write: () => undefined }) });
    onTestFinished(() => next.close(true));
    expect(await tollgate.generate(question).text()).toBe('hello');
    expect((await tollgate.whoAmI()).client).toBe('admin');
    expect(tollgate.address).toBe(next.grpc);
  });

  it('says how to start a daemon when none runs', async () => {
    const environment = readEnvironment({ TOLLGATE_HOME: temporaryHome() });
    await expect(connect({ environment })).rejects.toMatchObject({ reason: 'DAEMON_UNREACHABLE', message: expect.stringContaining('tollgate start') });
    const address = `unix:${environment.home.socket}`;
    await expect(connect({ environment, address })).rejects.toMatchObject({ reason: 'DAEMON_UNREACHABLE', message: expect.stringContaining(address) });
  });

  it('refuses calls after close()', async () => {
    const { environment } = await testDaemon();
    const tollgate = await connect({ environment });
    tollgate.close();
    await expect(tollgate.whoAmI()).rejects.toThrow(/closed/);
  });

  it('does not keep a program alive that forgets to close it', async () => {
    const { environment } = await testDaemon();
    const index = fileURLToPath(new URL('../../src/clients/typescript/index.ts', import.meta.url));
    const program = `const { connect } = await import(${JSON.stringify(index)}); console.log((await (await connect()).whoAmI()).client);`;
    const home = environment.variables['TOLLGATE_HOME'];
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { env: { ...process.env, TOLLGATE_HOME: home }, stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    const output = (await child.stdout.toArray()).join('');
    expect([await ended, output]).toEqual([[0, null], 'admin\n']);
  });
});
