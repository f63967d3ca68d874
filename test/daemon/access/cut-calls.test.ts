import { loadPackageDefinition, credentials, type Client, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { CallContext, ProviderEvent } from '../../../src/plugins/provider.ts';
import { started } from '../../../src/plugins/provider.ts';
import type { GenerateResponse } from '../../../src/gen/tollgate/v1/generate_service.ts';
import { say, scriptedProvider } from '../scripted-provider.ts';
import { ask, bearer, rpcFailure, testDaemon, type RpcFailure, type TestDaemon } from '../test-daemon.ts';
import { made, revokeToken, whoAmI } from './access-calls.ts';
import { forge, goodClaims, goodHeader, nowS, SECRET, SECRET_KEY } from './forge.ts';
import { issuerConfig, issuerKey, outsideClaims, outsideIssuer, outsideToken } from './outside-issuer.ts';

/** Says one word, then nothing until it is told to stop; notes that it was. */
function endless() {
  const stopped = Promise.withResolvers<unknown>();
  const provider = scriptedProvider('p', async function* (_request, { signal }: CallContext): AsyncGenerator<ProviderEvent> {
    yield started();
    yield say('word');
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    stopped.resolve(signal.reason);
    throw signal.reason;
  });
  return { provider, stopped: stopped.promise };
}

interface OpenStream {
  /** Resolves when the first word has come. */
  readonly began: Promise<void>;
  /** How it ended, and when. */
  readonly ended: Promise<{ readonly failure: RpcFailure; readonly atMs: number }>;
}

function openStream({ generateClient }: TestDaemon, token: string): OpenStream {
  const began = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<{ failure: RpcFailure; atMs: number }>();
  const call = generateClient.generate(ask({ model: 'p/m' }), bearer(token));
  call.on('data', ({ event }: GenerateResponse) => event?.$case === 'textDelta' && began.resolve());
  call.on('error', (error: ServiceError) => ended.resolve({ failure: rpcFailure(error), atMs: Date.now() }));
  return { began: began.promise, ended: ended.promise };
}

const secretDaemon = (parts: Parameters<typeof testDaemon>[0]): Promise<TestDaemon> => testDaemon({ variables: { TOLLGATE_JWT_SECRET: SECRET }, ...parts });

describe('an open stream', () => {
  it('is cut within 5 s of the revocation of its token, with the record of its generation; streams of others go on', async () => {
    const { provider, stopped } = endless();
    const daemon = await testDaemon({ providers: [provider] });
    const [mine, other] = [await made(daemon, { client: 'a', scopes: ['generate'] }), await made(daemon, { client: 'a', scopes: ['generate'] })];
    const [cut, kept] = [openStream(daemon, mine.token), openStream(daemon, other.token)];
    await Promise.all([cut.began, kept.began]);
    const revokedMs = Date.now();
    await revokeToken(daemon, mine.id);
    const { failure, atMs } = await cut.ended;
    expect(failure).toMatchObject({ code: 16, reason: 'TOKEN_REVOKED', generation: { partial: true } });
    expect(atMs - revokedMs).toBeLessThan(5000);
    expect(await stopped).toMatchObject({ reason: 'TOKEN_REVOKED' });
    expect(daemon.daemon.running).toBe(1);
    await revokeToken(daemon, other.id);
    expect((await kept.ended).failure.reason).toBe('TOKEN_REVOKED');
    expect(daemon.daemon.running).toBe(0);
  });

  it('is cut when the time of its token is over', async () => {
    const { provider } = endless();
    const daemon = await secretDaemon({ providers: [provider] });
    // Clocks may differ by 30 s: this one is good for 2 s more.
    const exp = nowS() - 28;
    const stream = openStream(daemon, forge(SECRET_KEY, goodHeader, { ...goodClaims(), iat: exp - 60, exp }));
    await stream.began;
    const { failure, atMs } = await stream.ended;
    expect(failure).toMatchObject({ code: 16, reason: 'TOKEN_EXPIRED', generation: { partial: true } });
    expect(atMs).toBeGreaterThanOrEqual((exp + 30) * 1000);
    expect(atMs).toBeLessThan((exp + 35) * 1000);
  });

  it('of an outside issuer is cut too', async () => {
    const key = issuerKey('r1');
    const issuer = await outsideIssuer([key]);
    const { provider } = endless();
    const daemon = await testDaemon({ providers: [provider], config: issuerConfig({ jwks_url: issuer.url }) });
    const stream = openStream(daemon, outsideToken(key, { ...outsideClaims(), jti: 'outside' }));
    await stream.began;
    await revokeToken(daemon, 'outside');
    expect((await stream.ended).failure.reason).toBe('TOKEN_REVOKED');
  });

  it('of a provider that does not listen is cut all the same', async () => {
    const provider = scriptedProvider('p', async function* (): AsyncGenerator<ProviderEvent> {
      yield started();
      yield say('word');
      await new Promise(() => {});
    });
    const daemon = await testDaemon({ providers: [provider] });
    const { token, id } = await made(daemon, { client: 'a', scopes: ['generate'] });
    const stream = openStream(daemon, token);
    await stream.began;
    await revokeToken(daemon, id);
    expect((await stream.ended).failure.reason).toBe('TOKEN_REVOKED');
  });

  it('of reflection is cut, which no handler of ours serves', async () => {
    const daemon = await secretDaemon({});
    const loaded = loadSync('grpc/reflection/v1/reflection.proto', { includeDirs: [fileURLToPath(new URL('../../../proto', import.meta.url))], keepCase: true });
    const { grpc } = loadPackageDefinition(loaded) as unknown as { grpc: { reflection: { v1: { ServerReflection: new (...args: ConstructorParameters<typeof Client>) => Client & { ServerReflectionInfo: (metadata: object) => ClientDuplexStream<object, object> } } } } };
    const client = new grpc.reflection.v1.ServerReflection(daemon.daemon.grpc ?? '', credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
    onTestFinished(() => client.close());
    const call = client.ServerReflectionInfo(bearer(forge(SECRET_KEY, goodHeader, { ...goodClaims(), jti: 'reflecting' })));
    const ended = new Promise<ServiceError>((resolve) => call.on('error', resolve));
    await new Promise((resolve) => {
      call.once('data', resolve);
      call.write({ list_services: '' });
    });
    call.resume();
    await revokeToken(daemon, 'reflecting');
    expect(rpcFailure(await ended).reason).toBe('TOKEN_REVOKED');
    expect((await whoAmI(daemon, daemon.adminToken)).response?.client).toBe('admin');
  });
});

describe('a running unary call', () => {
  it('is cut when its token is revoked', async () => {
    const provider = scriptedProvider('p', async function* () {});
    const asked = Promise.withResolvers<void>();
    provider.listModels = (_request, { signal }) => {
      asked.resolve();
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }));
    };
    const daemon = await testDaemon({ providers: [provider] });
    const { token, id } = await made(daemon, { client: 'a', scopes: ['generate'] });
    const ended = new Promise<RpcFailure | undefined>((resolve) => {
      daemon.generateClient.listModels({ provider: '', filter: '', pageSize: 0, pageToken: '' }, bearer(token), (error) => resolve(error === null ? undefined : rpcFailure(error)));
    });
    await asked.promise;
    await revokeToken(daemon, id);
    expect((await ended)?.reason).toBe('TOKEN_REVOKED');
  });
});
