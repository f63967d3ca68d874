import { createSecretKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SCOPES, type Scope } from '../../../src/daemon/access/caller.ts';
import { signToken } from '../../../src/daemon/access/token-signer.ts';
import { DESCRIPTORS } from '../../../src/package-root.ts';
import { hello, scriptedProvider } from '../scripted-provider.ts';
import { bearer, rpcFailure, testDaemon } from '../test-daemon.ts';
import { SECRET, SECRET_KEY } from './forge.ts';

/** The contract that plugins serve. The daemon calls it and never offers it. */
const SERVED_BY_PLUGINS = 'tollgate.provider.v1';

const image = fromBinary(FileDescriptorSetSchema, readFileSync(DESCRIPTORS));
const rpcs = image.file
  .filter((file) => file.package !== SERVED_BY_PLUGINS)
  .flatMap((file) => file.service.flatMap((service) => service.method.map((method) => `/${file.package}.${service.name}/${method.name}`)));

/** What each RPC needs, written a second time: a slip in the daemon's own table must not pass. */
const rows: Readonly<Record<string, Scope | readonly Scope[] | 'any token' | 'nothing'>> = {
  ...Object.fromEntries(['Generate', 'ResumeGeneration', 'PlanRoute', 'ListModels', 'Embed'].map((name) => [`/tollgate.v1.GenerateService/${name}`, 'generate'])),
  ...Object.fromEntries(['ListProviders', 'GetProvider', 'SetKey', 'RemoveKey', 'ValidateKey', 'ResetHealth', 'Lock', 'Unlock'].map((name) => [`/tollgate.v1.KeysService/${name}`, 'keys'])),
  ...Object.fromEntries(['GetSummary', 'QueryUsage', 'ListGenerations', 'GetGeneration', 'WatchUsage', 'ExportUsage', 'GetQuota', 'GetPrice'].map((name) => [`/tollgate.v1.UsageService/${name}`, ['usage:read', 'usage:admin'] as const])),
  ...Object.fromEntries(['ImportUsage', 'ClearUsage'].map((name) => [`/tollgate.v1.UsageService/${name}`, 'usage:admin' as const])),
  '/tollgate.v1.UsageService/GetPriceList': ['usage:read', 'usage:admin', 'admin'],
  ...Object.fromEntries(['UpdatePriceList', 'ResetPriceList'].map((name) => [`/tollgate.v1.UsageService/${name}`, 'admin'])),
  ...Object.fromEntries(['GetConfig', 'UpdateConfig'].map((name) => [`/tollgate.v1.ConfigService/${name}`, 'admin'])),
  ...Object.fromEntries(['CreateToken', 'ListTokens', 'RevokeToken'].map((name) => [`/tollgate.v1.AccessService/${name}`, 'admin'])),
  '/tollgate.v1.AccessService/WhoAmI': 'any token',
  '/grpc.health.v1.Health/Check': 'nothing',
  '/grpc.health.v1.Health/List': 'nothing',
  '/grpc.health.v1.Health/Watch': 'nothing',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo': 'any token',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo': 'any token',
};

interface Verdict {
  readonly code: number;
  readonly reason: string | undefined;
}

const bytes = (value: Buffer): Buffer => value;

/** Sends an empty message and half-closes; every method may be called so. Ends with what the daemon says, or with its first answer. */
function verdictOf(client: Client, path: string, metadata: Metadata): Promise<Verdict> {
  return new Promise((resolve) => {
    const call = client.makeBidiStreamRequest(path, bytes, bytes, metadata, { deadline: Date.now() + 10_000 });
    call.on('data', () => {
      resolve({ code: status.OK, reason: undefined });
      call.cancel();
    });
    // It says so when it begins to watch, and then nothing.
    if (path.endsWith('/WatchUsage')) {
      call.on('metadata', () => {
        resolve({ code: status.OK, reason: undefined });
        call.cancel();
      });
    }
    call.on('error', (error: ServiceError) => resolve({ code: error.code, reason: rpcFailure(error).reason }));
    call.on('end', () => resolve({ code: status.OK, reason: undefined }));
    call.end(Buffer.alloc(0));
  });
}

const callers: readonly (readonly [string, readonly Scope[] | undefined])[] = [
  ['no token', undefined],
  ['no scope', []],
  ...SCOPES.map((scope) => [`the scope ${scope}`, [scope]] as const),
  ...SCOPES.map((scope) => [`every scope but ${scope}`, SCOPES.filter((other) => other !== scope)] as const),
];

function expected(path: string, scopes: readonly Scope[] | undefined): 'let in' | 'TOKEN_MISSING' | 'SCOPE_MISSING' {
  const row = rows[path];
  if (row === 'nothing') return 'let in';
  if (scopes === undefined) return 'TOKEN_MISSING';
  if (row === 'any token') return 'let in';
  const enough: readonly string[] = row === undefined ? [] : typeof row === 'string' ? [row] : row;
  return scopes.some((scope) => enough.includes(scope)) ? 'let in' : 'SCOPE_MISSING';
}

describe('the RPCs and the scopes', () => {
  it('have a row for every RPC of the proto files, and no other', () => {
    expect(Object.keys(rows).toSorted()).toEqual(rpcs.toSorted());
  });

  it.each(callers)('with %s open what they should, and nothing else', async (_who, scopes) => {
    const { daemon } = await testDaemon({ variables: { TOLLGATE_JWT_SECRET: SECRET }, providers: [scriptedProvider('p', hello)] });
    const client = new Client(daemon.grpc ?? '', credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
    onTestFinished(() => client.close());
    const metadata = scopes === undefined ? new Metadata() : bearer(signToken(createSecretKey(SECRET_KEY), 'main', { client: 'app', scopes, tier: 'free', ttlS: 600 }).token);
    for (const path of rpcs) {
      const { code, reason } = await verdictOf(client, path, metadata);
      const seen = reason === 'TOKEN_MISSING' || reason === 'SCOPE_MISSING' ? reason : 'let in';
      expect([path, seen]).toEqual([path, expected(path, scopes)]);
      expect([path, reason === undefined && code]).not.toEqual([path, status.UNIMPLEMENTED]);
    }
  });
});
