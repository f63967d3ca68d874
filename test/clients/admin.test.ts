import { describe, expect, it, onTestFinished } from 'vitest';
import { connect, KeySource, KeyState, type Tollgate, TollgateError, user, ValidateKeyResponse_Verdict as Verdict } from '../../src/clients/typescript/index.ts';
import { goodKey, keyed, keyedHome, refusedKey } from '../cli/keyed-home.ts';

async function client(): Promise<Tollgate> {
  const { environment } = await keyedHome([keyed('acme')]);
  const tollgate = await connect({ environment });
  onTestFinished(() => tollgate.close());
  return tollgate;
}

async function reasonOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(() => undefined, (rejected: unknown) => rejected);
  return error instanceof TollgateError ? error.reason : String(error);
}

describe('the TypeScript client of an administrator', () => {
  it('sets, checks, lists and removes keys, and gets none back', async () => {
    const { keys } = await client();
    expect((await keys.get('acme')).provider?.keys).toMatchObject([{ state: KeyState.MISSING, envName: 'ACME_API_KEY' }]);
    expect(await reasonOf(keys.set({ provider: 'acme', key: refusedKey }))).toBe('KEY_REJECTED');
    const set = await keys.set({ provider: 'acme', key: goodKey });
    expect(set).toMatchObject({ verdict: Verdict.VALID, provider: { keys: [{ state: KeyState.CONFIGURED, source: KeySource.ENCRYPTED_FILE, hint: 'WXYZ' }] } });
    expect(await keys.validate({ provider: 'acme' })).toMatchObject({ verdict: Verdict.VALID, checkedWith: 'GET /v1/models' });
    expect(await keys.validate({ provider: 'acme', key: refusedKey })).toMatchObject({ verdict: Verdict.INVALID, reason: 'KEY_REJECTED' });
    expect(await keys.list()).toMatchObject({ providers: [{ name: 'acme' }], keyStore: { source: KeySource.ENCRYPTED_FILE } });
    expect((await keys.remove({ provider: 'acme' })).provider?.keys).toMatchObject([{ state: KeyState.MISSING }]);
    expect(await reasonOf(keys.remove({ provider: 'acme' }))).toBe('KEY_MISSING');
  });

  it('locks and unlocks them', async () => {
    const tollgate = await client();
    await tollgate.keys.set({ provider: 'acme', key: goodKey });
    expect((await tollgate.keys.lock()).keyStore?.locked).toBe(true);
    expect(await reasonOf(tollgate.generate({ model: 'acme/m', messages: [user('hi')] }).text())).toBe('KEYS_LOCKED');
    expect((await tollgate.keys.unlock()).keyStore?.locked).toBe(false);
    expect(await tollgate.generate({ model: 'acme/m', messages: [user('hi')] }).text()).toBe('hello');
  });

  it('reads the config and changes it by fields', async () => {
    const { config } = await client();
    await config.update('{"aliases":{"fast":["acme/m"]}}', ['aliases.fast']);
    expect(JSON.parse((await config.get()).configJson)).toMatchObject({ aliases: { fast: ['acme/m'] } });
    await config.update('{}', ['aliases']);
    expect(JSON.parse((await config.get()).configJson)).not.toHaveProperty('aliases');
    expect(await reasonOf(config.update('{"routing":{"max_attempts":"many"}}'))).toBe('CONFIG_INVALID');
  });

  it('lists and revokes tokens', async () => {
    const tollgate = await client();
    const { id } = await tollgate.createToken({ client: 'my-app', scopes: ['generate'] });
    expect(await tollgate.listTokens()).toMatchObject([{ id, client: 'my-app', revokedAt: undefined }]);
    expect((await tollgate.revokeToken(id)).token).toMatchObject({ id, revokedAt: expect.any(Date) });
  });
});
