import { describe, expect, it } from 'vitest';
import { hello, scriptedProvider } from '../daemon/scripted-provider.ts';
import { testDaemon } from '../daemon/test-daemon.ts';
import { runTollgate } from './run-tollgate.ts';

async function home(): Promise<string> {
  const { environment } = await testDaemon({ providers: [scriptedProvider('scripted', hello)] });
  return environment.variables['TOLLGATE_HOME']!;
}

async function create(where: string, client: string, ...more: string[]): Promise<{ id: string; token: string }> {
  const { stdout } = await runTollgate(where, ['token', 'create', client, '--scope', 'generate', '--json', ...more]);
  return JSON.parse(stdout);
}

describe('tollgate token list', () => {
  it('shows each token that was made here, and no token itself', async () => {
    const where = await home();
    const [one, other] = [await create(where, 'my-app', '--model', 'scripted/*', '--provider', 'scripted'), await create(where, 'other', '--tier', 'member')];
    await runTollgate(where, ['token', 'revoke', other.id]);
    const { code, stdout, stderr } = await runTollgate(where, ['token', 'list']);
    expect([code, stderr]).toEqual([0, '']);
    const [head, ...rows] = stdout.trimEnd().split('\n');
    expect(head).toMatch(/^ID +CLIENT +SCOPES +TIER +ONLY +UNTIL$/);
    expect(rows).toHaveLength(2);
    expect(rows.find((line) => line.startsWith(one.id))).toMatch(/ my-app +generate +premium +scripted scripted\/\* +\d{4}-\d\d-\d\d \d\d:\d\d$/);
    expect(rows.find((line) => line.startsWith(other.id))).toMatch(/ other +generate +member +revoked \d{4}-\d\d-\d\d \d\d:\d\d$/);
    expect(stdout).not.toContain(one.token.slice(0, 16));
  });

  it('prints canonical JSON with --json', async () => {
    const where = await home();
    const { id } = await create(where, 'my-app');
    const { stdout } = await runTollgate(where, ['token', 'list', '--json']);
    expect(JSON.parse(stdout)).toEqual({ tokens: [{ id, client: 'my-app', scopes: ['generate'], tier: 'premium', created_at: expect.stringMatching(/Z$/), expires_at: expect.stringMatching(/Z$/) }] });
  });

  it('says that there is none', async () => {
    expect(await runTollgate(await home(), ['token', 'list'])).toEqual({ code: 0, stdout: '', stderr: expect.stringContaining('no token was made here') });
  });
});

describe('tollgate token revoke', () => {
  it('ends a token, whose holder is told so', async () => {
    const where = await home();
    const { id, token } = await create(where, 'my-app');
    const variables = { TOLLGATE_TOKEN: token };
    expect((await runTollgate(where, ['generate', 'hi', '-q', '-m', 'scripted/m'], { variables })).code).toBe(0);
    expect(await runTollgate(where, ['token', 'revoke', id])).toEqual({ code: 0, stdout: `Token ${id} is revoked. It was my-app's; its calls are refused from now on.\n`, stderr: '' });
    const refused = await runTollgate(where, ['generate', 'hi', '-m', 'scripted/m'], { variables });
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('(TOKEN_REVOKED)')]);
  });

  it('takes the id of a token that was not made here only when it is told to', async () => {
    const where = await home();
    expect(await runTollgate(where, ['token', 'revoke', 'elsewhere'])).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/Nothing was revoked[^]*--unlisted/) });
    expect(await runTollgate(where, ['token', 'revoke', 'elsewhere', '--unlisted'])).toMatchObject({ code: 0, stdout: expect.stringContaining('was not made here') });
  });

  it('does not send a token that is taken for an id', async () => {
    const where = await home();
    const { token } = await create(where, 'my-app');
    const { code, stderr } = await runTollgate(where, ['token', 'revoke', token]);
    expect([code, stderr]).toEqual([2, expect.stringContaining('This is a token, not its id')]);
    expect(stderr).not.toContain(token);
  });
});
