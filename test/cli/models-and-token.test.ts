import { describe, expect, it } from 'vitest';
import { hello, scriptedProvider } from '../daemon/scripted-provider.ts';
import { temporaryHome, testDaemon } from '../daemon/test-daemon.ts';
import { runTollgate } from './run-tollgate.ts';

async function home(): Promise<string> {
  const seeing = scriptedProvider('seeing', hello);
  seeing.listModels = async () => [
    { model: 'eye', displayName: 'The Eye', contextWindow: 8192n, maxOutputTokens: undefined, inputModalities: ['text', 'image'], capabilities: ['tools'], refuses: [] },
  ];
  const needy = scriptedProvider('needy', hello, { key: { required: true, format: '', envNames: ['NEEDY_KEY'] } });
  const { environment } = await testDaemon({ providers: [seeing, needy, scriptedProvider('scripted', hello)] });
  return environment.variables['TOLLGATE_HOME']!;
}

describe('tollgate models', () => {
  it('lists what can be asked, and on standard error who could not be asked', async () => {
    const where = await home();
    const { code, stdout, stderr } = await runTollgate(where, ['models']);
    expect(code).toBe(0);
    expect(stdout).toBe([
      'MODEL             NAME     CONTEXT  CAN',
      'scripted/a-model',
      'scripted/b-model',
      'seeing/eye        The Eye     8192  tools, reads image',
      '',
    ].join('\n'));
    expect(stderr).toBe('not ready: needy (KEY_MISSING)\n');
    expect((await runTollgate(where, ['models', '-v'])).stderr).toMatch(/^needy: .*\(KEY_MISSING\)\n$/);
  });

  it('filters by words and by provider', async () => {
    const where = await home();
    expect((await runTollgate(where, ['models', 'EYE'])).stdout).toMatch(/^MODEL.*\nseeing\/eye.*\n$/);
    expect((await runTollgate(where, ['models', '--provider', 'scripted'])).stdout).not.toContain('seeing');
    expect(await runTollgate(where, ['models', 'nothing-like-it', '-p', 'scripted'])).toEqual({ code: 0, stdout: '', stderr: 'tollgate: no model to show.\n' });
  });

  it('prints canonical JSON with --json', async () => {
    const { stdout } = await runTollgate(await home(), ['models', 'eye', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      models: [{ id: 'seeing/eye', display_name: 'The Eye', context_window: '8192', input_modalities: ['text', 'image'] }],
      unlisted_providers: [{ provider: 'needy', reason: 'KEY_MISSING' }],
    });
  });
});

describe('--json', () => {
  it.each([
    ['a provider that nobody knows', ['generate', 'hi', '-m', 'nobody/m'], 1, { reason: 'PROVIDER_NOT_FOUND', code: 'NOT_FOUND', metadata: { provider: 'nobody' } }],
    ['wrong use', ['generate', 'hi', '--temperature', '5'], 2, { reason: 'REQUEST_INVALID', code: 'INVALID_ARGUMENT' }],
    ['a scope that nobody knows', ['token', 'create', 'x', '--scope', 'everything'], 1, { reason: 'REQUEST_INVALID', code: 'INVALID_ARGUMENT' }],
  ])('prints %s as JSON too', async (_case, args, code, error) => {
    const run = await runTollgate(await home(), [...args, '--json']);
    expect([run.code, JSON.parse(run.stdout)]).toEqual([code, { error: { metadata: {}, message: expect.any(String), ...error, ...('metadata' in error ? { metadata: expect.objectContaining(error.metadata) } : {}) } }]);
    expect(run.stderr).toContain('tollgate: ');
  });

  it('says that no daemon runs', async () => {
    const { code, stdout } = await runTollgate(temporaryHome(), ['models', '--json']);
    expect([code, JSON.parse(stdout)]).toMatchObject([3, { error: { reason: 'DAEMON_UNREACHABLE' } }]);
  });
});

describe('tollgate token create', () => {
  it('prints the token alone, so that a script can keep it, and it works', async () => {
    const where = await home();
    const { code, stdout, stderr } = await runTollgate(where, ['token', 'create', 'my-app', '--scope', 'generate', '--ttl', '1h', '--model', 'scripted/*']);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^Token \S+ for my-app, generate until \S+\. It is shown this once:\n$/)]);
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const variables = { TOLLGATE_TOKEN: stdout.trim() };
    expect((await runTollgate(where, ['generate', 'hi', '-q', '-m', 'scripted/m'], { variables })).stdout).toBe('hello\n');
    const forbidden = await runTollgate(where, ['generate', 'hi', '-m', 'seeing/eye'], { variables });
    expect([forbidden.code, forbidden.stderr]).toEqual([1, expect.stringContaining('(MODEL_NOT_GRANTED)')]);
    const status = await runTollgate(where, ['status'], { variables });
    expect(status.stdout).toContain('my-app, tier premium, scopes generate, until ');
  });

  it('prints canonical JSON with --json', async () => {
    const args = ['token', 'create', 'my-app', '--scope', 'generate', '--scope', 'usage:read', '--tier', 'member', '--json'];
    const { stdout, stderr } = await runTollgate(await home(), args);
    expect(JSON.parse(stdout)).toEqual({ token: expect.any(String), id: expect.any(String), expires_at: expect.stringMatching(/^\d{4}-.*Z$/) });
    expect(stderr).toBe('');
  });

  it('ends with 2 without a scope, and with 1 when the daemon does not know it', async () => {
    const where = await home();
    expect((await runTollgate(where, ['token', 'create', 'my-app'])).code).toBe(2);
    const unknown = await runTollgate(where, ['token', 'create', 'my-app', '--scope', 'everything']);
    expect([unknown.code, unknown.stdout, unknown.stderr]).toEqual([1, '', expect.stringContaining('(REQUEST_INVALID)')]);
  });
});
