import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { spawnDaemon, type SpawnedDaemon } from './spawn-daemon.ts';

/** Debian's own: another python3 that stands first on the PATH does not see Debian's packages. */
const PYTHON = '/usr/bin/python3';
const CLIENT = fileURLToPath(new URL('foreign_client.py', import.meta.url));
const PROTO = fileURLToPath(new URL('../../proto', import.meta.url));

/** What each Debian package brings, as a command that succeeds when it is there. */
const NEEDED: Readonly<Record<string, readonly [string, ...string[]]>> = {
  'python3-grpcio': [PYTHON, '-c', 'import grpc, google.protobuf'],
  'protobuf-compiler': ['protoc', '--version'],
  'libprotobuf-dev': ['test', '-f', '/usr/include/google/protobuf/duration.proto'],
  'protobuf-compiler-grpc': ['sh', '-c', 'command -v grpc_python_plugin'],
};

const works = ([command, ...args]: readonly [string, ...string[]]): boolean => {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

const missing = Object.entries(NEEDED).flatMap(([name, command]) => (works(command) ? [] : [name]));
if (missing.length > 0) console.log(`skipped: the Python client; it needs the Debian packages ${missing.join(', ')}`);

const FILES_OF_GENERATE = ['google/protobuf/duration.proto', 'google/protobuf/timestamp.proto', 'tollgate/v1/content.proto', 'tollgate/v1/generate_service.proto', 'tollgate/v1/usage_service.proto'];
const PROMPT = 'Grüße 🙂 from Python';

describe.runIf(missing.length === 0)('a Python client made of the proto files', () => {
  let stubs: string;
  let daemon: SpawnedDaemon;

  /** Runs the client and reads what it saw. */
  async function python(address: string, args: readonly string[], token: string | null = daemon.adminToken): Promise<unknown> {
    const env = { PATH: process.env['PATH'], ...(token === null ? {} : { TOLLGATE_TOKEN: token }) };
    const { stdout } = await promisify(execFile)(PYTHON, [CLIENT, stubs, address, ...args], { env });
    return JSON.parse(stdout);
  }

  const withoutToken = (args: readonly string[]): Promise<unknown> => python(daemon.grpc, args, null);

  beforeAll(async () => {
    stubs = mkdtempSync(join(tmpdir(), 'tg-stubs-'));
    const files = readdirSync(PROTO, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.proto'));
    const plugin = execFileSync('sh', ['-c', 'command -v grpc_python_plugin'], { encoding: 'utf8' }).trim();
    execFileSync('protoc', [`--proto_path=${PROTO}`, `--python_out=${stubs}`, `--grpc_out=${stubs}`, `--plugin=protoc-gen-grpc=${plugin}`, ...files]);
    daemon = await spawnDaemon();
  });

  afterAll(async () => {
    await daemon.stop();
    rmSync(stubs, { recursive: true, force: true });
  });

  it.each(['TCP', 'the unix socket'])('streams a generation over %s', async (way) => {
    const address = way === 'TCP' ? daemon.grpc : `unix:${daemon.socket}`;
    const { events, text, finish } = (await python(address, ['generate', 'echo/say', PROMPT])) as { events: { seq: number; event: string }[]; text: string; finish: unknown };
    expect(text).toBe(PROMPT);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, at) => at));
    expect([...new Set(events.map(({ event }) => event))]).toEqual(['attempt_started', 'text_delta', 'finish']);
    expect(finish).toMatchObject({ finish_reason: 'FINISH_REASON_STOP', response_model: 'say', usage: { output_tokens: '4' }, attempts: [{ provider: 'echo', outcome: 'OUTCOME_SUCCEEDED' }] });
  });

  it('reads why a call failed from its details', async () => {
    expect(await python(daemon.grpc, ['fail', 'echo/fail-rate-limit', 'hi'])).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      status_code: 8,
      details: {
        'google.rpc.ErrorInfo': { domain: 'tollgate', reason: 'RATE_LIMITED', metadata: { provider: 'echo', model: 'fail-rate-limit', http_status: '429', retryable: 'true' } },
        'google.rpc.RetryInfo': { retry_delay: '1s' },
        'tollgate.v1.GenerationFailure': { attempts: [1, 2, 3].map((attempt) => ({ attempt, provider: 'echo', reason: 'RATE_LIMITED' })) },
      },
    });
  });

  it('is told which field of its request is wrong', async () => {
    expect(await python(daemon.grpc, ['fail', 'echo/say', ''])).toMatchObject({ answered: { text: '' } });
    expect(await python(daemon.grpc, ['fail', 'x'.repeat(513), 'hi'])).toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { 'google.rpc.ErrorInfo': { reason: 'REQUEST_INVALID' }, 'google.rpc.BadRequest': { field_violations: [{ field: 'model' }] } },
    });
  });

  it('is refused without a token, and with one that is not good', async () => {
    const reasonOf = (answer: unknown): unknown => (answer as { details: Record<string, { reason: string }> }).details['google.rpc.ErrorInfo']?.reason;
    expect(reasonOf(await withoutToken(['fail', 'echo/say', 'hi']))).toBe('TOKEN_MISSING');
    expect(reasonOf(await python(daemon.grpc, ['fail', 'echo/say', 'hi'], 'no.such.token'))).toBe('TOKEN_INVALID');
  });

  it('hangs up and calls again over the same connection', async () => {
    expect(await python(daemon.grpc, ['hang-up'])).toEqual({ seen: 'attempt_started', after: 'still there' });
  });

  it('checks and watches the health without a token', async () => {
    expect(await withoutToken(['health'])).toEqual({ check: { '': 'SERVING', 'tollgate.v1.GenerateService': 'SERVING' }, watch: 'SERVING' });
  });

  it.each(['v1', 'v1alpha'])('learns the services and their types by reflection %s', async (version) => {
    const { services, files, methods, missing: unknown } = (await python(daemon.grpc, ['reflect', version, 'tollgate.v1.GenerateService'])) as Record<string, unknown>;
    expect(services).toEqual(['grpc.health.v1.Health', 'grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection', 'tollgate.v1.AccessService', 'tollgate.v1.ConfigService', 'tollgate.v1.GenerateService', 'tollgate.v1.KeysService', 'tollgate.v1.UsageService']);
    expect(files).toEqual(FILES_OF_GENERATE);
    expect(methods).toMatchObject({ Generate: ['tollgate.v1.GenerateRequest', 'tollgate.v1.GenerateResponse'] });
    expect(unknown).toBe('NOT_FOUND');
  });
});
