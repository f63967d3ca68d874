import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ErrorInfo } from '../../src/gen/google/rpc/error_details.ts';
import { spawnDaemon, type SpawnedDaemon } from './spawn-daemon.ts';

const BUF = fileURLToPath(new URL('../../node_modules/.bin/buf', import.meta.url));

describe('buf curl, a client in Go that knows nothing beforehand', () => {
  let daemon: SpawnedDaemon;

  beforeAll(async () => {
    daemon = await spawnDaemon();
  });

  afterAll(() => daemon.stop());

  async function bufCurl(...args: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(BUF, ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', '--header', `authorization: Bearer ${daemon.adminToken}`, '--reflect-header', '*', ...args]);
    return stdout;
  }

  it('lists the methods by reflection', async () => {
    const listed = (await bufCurl('--list-methods', `http://${daemon.grpc}`)).trim().split('\n');
    expect(listed).toContain('tollgate.v1.GenerateService/Generate');
    expect(listed).toContain('tollgate.v1.AccessService/WhoAmI');
    expect(listed).toContain('grpc.health.v1.Health/Check');
  });

  it.each(['TCP', 'the unix socket'])('streams a generation over %s, its types learnt by reflection', async (way) => {
    const request = { model: 'echo/say', messages: [{ role: 'ROLE_USER', parts: [{ text: 'one two' }] }] };
    const where = way === 'TCP' ? [`http://${daemon.grpc}/tollgate.v1.GenerateService/Generate`] : ['--unix-socket', daemon.socket, 'http://localhost/tollgate.v1.GenerateService/Generate'];
    const output = await bufCurl('--emit-defaults', '--data', JSON.stringify(request), ...where);
    const events = output.split(/(?<=^\})\n/m).flatMap((json) => (json.trim() === '' ? [] : [JSON.parse(json) as { seq: string; textDelta?: { text: string }; finish?: object }]));
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, at) => String(at)));
    expect(events.map(({ textDelta }) => textDelta?.text ?? '').join('')).toBe('one two');
    expect(events.at(-1)?.finish).toMatchObject({ finishReason: 'FINISH_REASON_STOP', usage: { outputTokens: '2' } });
  });

  it('shows the reason of a failure', async () => {
    const request = { model: 'echo/fail-overloaded', messages: [{ role: 'ROLE_USER', parts: [{ text: 'hi' }] }] };
    const failed: unknown = await bufCurl('--data', JSON.stringify(request), `http://${daemon.grpc}/tollgate.v1.GenerateService/Generate`).catch((error: unknown) => error);
    const { code, details } = JSON.parse((failed as { stderr: string }).stderr) as { code: string; details: { type: string; value: string }[] };
    expect(code).toBe('unavailable');
    const info = details.find(({ type }) => type === 'google.rpc.ErrorInfo')?.value ?? '';
    expect(ErrorInfo.decode(Buffer.from(info, 'base64'))).toMatchObject({ domain: 'tollgate', reason: 'PROVIDER_OVERLOADED', metadata: { provider: 'echo', retryable: 'true' } });
  });
});
