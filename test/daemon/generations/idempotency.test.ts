import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { credentials, status } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startDaemon } from '../../../src/daemon/daemon.ts';
import { makeLogger } from '../../../src/daemon/logger.ts';
import { GenerateRequest, GenerateServiceClient } from '../../../src/gen/tollgate/v1/generate_service.ts';
import { ErrorClass, ProviderError, started, type Provider } from '../../../src/plugins/provider.ts';
import { made } from '../access/access-calls.ts';
import { hello, say, scriptedProvider } from '../scripted-provider.ts';
import { ask, testDaemon, type TestDaemon } from '../test-daemon.ts';
import { generating, idOf, resuming } from './follow.ts';
import { toldProvider } from './told-provider.ts';

const keyed = ask({ model: 'p/m', idempotencyKey: 'my key' });

async function setUp(provider = scriptedProvider('p', hello)) {
  const daemon = await testDaemon({ providers: [provider] });
  return { provider, daemon, token: daemon.adminToken, client: daemon.generateClient };
}

/** Stops a daemon and starts another on the same home. */
async function restarted({ daemon, environment, log }: TestDaemon, provider: Provider) {
  await daemon.close(true);
  const next = await startDaemon({ environment, providers: [provider], log: makeLogger('trace', { write: (line) => void log.push(line) }) });
  const client = new GenerateServiceClient(next.grpc ?? '', credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  onTestFinished(async () => {
    client.close();
    await next.close(true);
  });
  return { client, token: readFileSync(environment.home.adminTokenFile, 'utf8').trim() };
}

describe('the same idempotency key and request', () => {
  it('get a finished answer again, event for event, and the provider is asked once', async () => {
    const { provider, token, client } = await setUp();
    const first = generating(client, keyed, token);
    expect(await first.ended).toBeUndefined();
    const again = generating(client, keyed, token);
    expect(await again.ended).toBeUndefined();
    expect(again.events).toEqual(first.events);
    expect(provider.requests).toHaveLength(1);
  });

  it('join an answer that is on its way, from its first event', async () => {
    const told = toldProvider();
    const { token, client } = await setUp(told.provider);
    const first = generating(client, keyed, token);
    const answer = await told.answer(0);
    answer.say('a', 'b');
    await first.reached(3);
    const second = generating(client, keyed, token);
    await second.reached(3);
    expect(second.text).toBe('ab');
    answer.say('c');
    answer.finish();
    expect(await Promise.all([first.ended, second.ended])).toEqual([undefined, undefined]);
    expect(second.events).toEqual(first.events);
    expect(told.provider.requests).toHaveLength(1);
  });

  it('are one call of the provider when 100 come at once', async () => {
    const { provider, token, client } = await setUp();
    const all = Array.from({ length: 100 }, () => generating(client, keyed, token));
    const failures = await Promise.all(all.map(({ ended }) => ended));
    expect(failures.filter((failure) => failure !== undefined)).toEqual([]);
    expect(new Set(all.map(idOf)).size).toBe(1);
    for (const one of all) expect(one.events).toEqual(all[0]?.events);
    expect(provider.requests).toHaveLength(1);
  });

  it('are the same in whatever order a map comes', async () => {
    const { provider, token, client } = await setUp();
    expect(await generating(client, ask({ ...keyed, labels: { a: '1', b: '2' } }), token).ended).toBeUndefined();
    expect(await generating(client, ask({ ...keyed, labels: { b: '2', a: '1' } }), token).ended).toBeUndefined();
    expect(provider.requests).toHaveLength(1);
  });

  it('of another client are another generation', async () => {
    const { provider, daemon, token, client } = await setUp();
    const { token: other } = await made(daemon, { client: 'other', scopes: ['generate'] });
    const [mine, theirs] = [generating(client, keyed, token), generating(client, keyed, other)];
    await Promise.all([mine.ended, theirs.ended]);
    expect(idOf(mine)).not.toBe(idOf(theirs));
    expect(provider.requests).toHaveLength(2);
  });

  it('run again when they failed, as a new generation', async () => {
    let calls = 0;
    const { token, client } = await setUp(
      scriptedProvider('p', async function* () {
        yield started();
        yield say(`${++calls}`);
        if (calls === 1) throw new ProviderError(ErrorClass.INVALID_REQUEST, 'not today', { httpStatus: 400 });
        yield* hello();
      }),
    );
    const first = generating(client, keyed, token);
    expect(await first.ended).toMatchObject({ reason: 'REQUEST_REJECTED' });
    const second = generating(client, keyed, token);
    await second.ended;
    expect(second.text[0]).toBe('2');
    expect(idOf(second)).not.toBe(idOf(first));
  });

  it('run again at once when the one before was cancelled and is not over yet', async () => {
    const told = toldProvider();
    const { token, client } = await setUp(told.provider);
    const first = generating(client, keyed, token);
    await first.reached(1);
    first.cancel();
    await (await told.answer(0)).stopped;
    const second = generating(client, keyed, token);
    const answer = await told.answer(1);
    answer.say('new');
    answer.finish();
    expect(await second.ended).toBeUndefined();
    expect(second.text).toBe('new');
  });

  it('are refused with ALREADY_DONE when the answer was too long to be held', async () => {
    const told = toldProvider();
    const { token, client } = await setUp(told.provider);
    const first = generating(client, keyed, token);
    const answer = await told.answer(0);
    answer.say(...Array.from({ length: 50 }, () => 'x'.repeat(100_000)));
    await first.reached(50);
    expect(await generating(client, keyed, token).ended).toMatchObject({ reason: 'RESUME_EXPIRED', metadata: { generation: idOf(first) } });
    answer.finish();
    expect(await first.ended).toBeUndefined();
    expect(await generating(client, keyed, token).ended).toMatchObject({ reason: 'ALREADY_DONE', metadata: { generation: idOf(first) } });
    expect(told.provider.requests).toHaveLength(1);
  });

  it('that name nobody fail together when they come at once', async () => {
    const { token, client } = await setUp();
    const nobody = ask({ ...keyed, model: 'nobody/m' });
    const all = Array.from({ length: 10 }, () => generating(client, nobody, token));
    for (const failure of await Promise.all(all.map(({ ended }) => ended))) expect(failure).toMatchObject({ reason: 'PROVIDER_NOT_FOUND' });
  });
});

describe('an idempotency key with another request', () => {
  it.each(['while the first runs', 'when the first has finished', 'when the first has failed'])('is refused %s', async (when) => {
    const told = toldProvider();
    const { token, client } = await setUp(told.provider);
    const first = generating(client, keyed, token);
    const answer = await told.answer(0);
    if (when.endsWith('finished')) answer.finish();
    if (when.endsWith('failed')) answer.fail(new ProviderError(ErrorClass.INVALID_REQUEST, 'no', { httpStatus: 400 }));
    if (!when.endsWith('runs')) await first.ended;
    const other = generating(client, ask({ ...keyed, temperature: 1 }), token);
    expect(await other.ended).toMatchObject({ code: status.ALREADY_EXISTS, reason: 'IDEMPOTENCY_KEY_REUSED' });
    expect(told.provider.requests).toHaveLength(1);
  });

  it('is taken when no provider had been asked for the first', async () => {
    const { token, client } = await setUp();
    expect(await generating(client, ask({ ...keyed, model: 'nobody/m' }), token).ended).toMatchObject({ reason: 'PROVIDER_NOT_FOUND' });
    expect(await generating(client, keyed, token).ended).toBeUndefined();
  });
});

describe('after a restart', () => {
  it('a finished key is refused with ALREADY_DONE that names its generation, and nobody is asked', async () => {
    const { provider, daemon, token, client } = await setUp();
    const first = generating(client, ask({ ...keyed, messages: [{ role: 2, parts: [{ part: { $case: 'text', value: 'the prompt' } }] }] }), token);
    expect(await first.ended).toBeUndefined();
    const { generationsFile } = daemon.environment.home;
    const text = readFileSync(generationsFile, 'utf8');
    for (const secret of ['my key', 'the prompt', 'hel', 'lo"']) expect(text).not.toContain(secret);
    expect(text).toContain(idOf(first));
    expect(statSync(generationsFile).mode & 0o777).toBe(0o600);

    const next = await restarted(daemon, provider);
    const again = generating(next.client, ask({ ...keyed, messages: [{ role: 2, parts: [{ part: { $case: 'text', value: 'the prompt' } }] }] }), next.token);
    expect(await again.ended).toMatchObject({ code: status.ALREADY_EXISTS, reason: 'ALREADY_DONE', metadata: { generation: idOf(first) } });
    expect(await generating(next.client, keyed, next.token).ended).toMatchObject({ reason: 'IDEMPOTENCY_KEY_REUSED' });
    expect(await resuming(next.client, idOf(first), undefined, next.token).ended).toMatchObject({ reason: 'RESUME_EXPIRED', metadata: { generation: idOf(first) } });
    expect(provider.requests).toHaveLength(1);
  });

  it('every key of 30 that ended OK at once is known', async () => {
    const { provider, daemon, token, client } = await setUp();
    const requests = Array.from({ length: 30 }, (_, at) => GenerateRequest.fromPartial({ ...keyed, idempotencyKey: `key ${at}` }));
    expect(await Promise.all(requests.map((request) => generating(client, request, token).ended))).toEqual(requests.map(() => undefined));
    const next = await restarted(daemon, provider);
    for (const request of requests) expect(await generating(next.client, request, next.token).ended).toMatchObject({ reason: 'ALREADY_DONE' });
    expect(provider.requests).toHaveLength(30);
  });

  it('a key that failed may run', async () => {
    const told = toldProvider();
    const { daemon, token, client } = await setUp(told.provider);
    const first = generating(client, keyed, token);
    (await told.answer(0)).fail(new ProviderError(ErrorClass.INVALID_REQUEST, 'no', { httpStatus: 400 }));
    await first.ended;
    const provider = scriptedProvider('p', hello);
    const next = await restarted(daemon, provider);
    expect(await generating(next.client, keyed, next.token).ended).toBeUndefined();
    expect(provider.requests).toHaveLength(1);
  });

  it('a damaged list is put aside, said in the log', async () => {
    const { provider, daemon, token, client } = await setUp();
    await generating(client, keyed, token).ended;
    writeFileSync(daemon.environment.home.generationsFile, '{"version":1,"finished":[{"client":1}]}', { mode: 0o600 });
    const next = await restarted(daemon, provider);
    expect(await generating(next.client, keyed, next.token).ended).toBeUndefined();
    expect(daemon.log.some((line) => line.includes('idempotency keys is damaged'))).toBe(true);
  });
});

it('an answer is given whole although its key cannot be written down', async () => {
  const { daemon, token, client } = await setUp();
  const { generationsFile } = daemon.environment.home;
  // A directory stands where the file belongs.
  mkdirSync(join(generationsFile, 'in the way'), { recursive: true });
  const stream = generating(client, keyed, token);
  expect(await stream.ended).toBeUndefined();
  expect(stream.text).toBe('hello');
  expect(daemon.log.some((line) => line.includes('cannot write which idempotency keys are finished'))).toBe(true);
  expect(await generating(client, keyed, token).ended).toBeUndefined();
});
