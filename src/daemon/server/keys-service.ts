import {
  ValidateKeyResponse_Verdict as Verdict,
  type GetProviderRequest,
  type GetProviderResponse,
  type ListProvidersRequest,
  type ListProvidersResponse,
  type LockRequest,
  type LockResponse,
  type Provider,
  type RemoveKeyRequest,
  type RemoveKeyResponse,
  type ResetHealthRequest,
  type ResetHealthResponse,
  type SetKeyRequest,
  type SetKeyResponse,
  type UnlockRequest,
  type UnlockResponse,
  type ValidateKeyRequest,
  type ValidateKeyResponse,
} from '../../gen/tollgate/v1/keys_service.ts';
import { Failure } from '../failure.ts';
import type { SigningKeySource } from '../access/signing-key-source.ts';
import { checkKey, type KeyCheck } from '../keys/check-key.ts';
import { keyMissing } from '../keys/key-missing.ts';
import type { ProviderInstance } from '../plugins/provider-instance.ts';
import type { Traffic } from '../routing/traffic.ts';
import { Secret } from '../secret.ts';
import { checkKeyText, checkLabel } from './check-key-fields.ts';
import { toKeyStore, toProvider } from './convert-provider.ts';
import { findInstance } from './find-instance.ts';
import type { CallScope } from './serve.ts';
import { setKey, type SetKeyParts } from './set-key.ts';
import { Violations } from './violations.ts';

export interface KeysServiceParts extends SetKeyParts {
  readonly signingKey: SigningKeySource;
  readonly traffic: Traffic;
}

/** How long a call that asks a provider, or waits for a keychain, may take when its caller sets no deadline. */
export const KEYS_MS = 30_000;

const PROVIDER_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

const VERDICTS = { good: Verdict.VALID, refused: Verdict.INVALID } as const;

const verdictOf = ({ verdict }: KeyCheck): Verdict => (verdict === undefined ? Verdict.UNKNOWN : VERDICTS[verdict]);

/** The KeysService's handlers. */
export function keysService(parts: KeysServiceParts) {
  const { secrets, registry } = parts;
  const { health } = parts.traffic;
  const find = (name: string): ProviderInstance => findInstance(registry(), name);
  const describe = async (configured: ProviderInstance): Promise<Provider> => toProvider(configured, await secrets.recordsOf(configured), health);

  const listProviders = async (_request: ListProvidersRequest): Promise<ListProvidersResponse> => {
    const instances = [...registry().instances.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    const status = await secrets.status();
    return { providers: await Promise.all(instances.map(describe)), keyStore: toKeyStore(status) };
  };

  const getProvider = async ({ name }: GetProviderRequest): Promise<GetProviderResponse> => ({ provider: await describe(find(name)) });

  const set = async (request: SetKeyRequest, scope: CallScope): Promise<SetKeyResponse> => {
    const { provider, label, settings } = request;
    const check = await setKey(request, parts, scope);
    // What was said of the key before says nothing of this one.
    if (request.key !== '') health.reset(provider, label);
    scope.log.info({ rpc: 'SetKey', client: scope.caller.client, provider, label, key: request.key !== '', verdict: check?.verdict, settings: Object.keys(settings) }, 'set a key or settings');
    return { provider: await describe(find(provider)), verdict: check === undefined ? Verdict.UNSPECIFIED : verdictOf(check), message: check?.message ?? '', checkedWith: check?.checkedWith ?? '' };
  };

  const removeKey = async ({ provider, label }: RemoveKeyRequest, { caller, log }: CallScope): Promise<RemoveKeyResponse> => {
    const violations = new Violations();
    checkLabel(violations, label);
    violations.throwIfAny();
    // A key may outlive its provider's place in the config.
    const removed = PROVIDER_NAME.test(provider) && (await secrets.remove(provider, label));
    const configured = removed ? registry().instances.get(provider) : find(provider);
    if (!removed && configured !== undefined) throw await nothingToRemove(configured, label);
    health.reset(provider, label);
    log.info({ rpc: 'RemoveKey', client: caller.client, provider, label }, 'removed a key');
    return { provider: configured === undefined ? undefined : await describe(configured) };
  };

  const nothingToRemove = async (configured: ProviderInstance, label: string): Promise<Failure> => {
    const records = await secrets.recordsOf(configured);
    const variable = records.find((record) => record.label === label)?.envName ?? '';
    if (variable === '') return keyMissing(configured, records, label);
    return new Failure('KEY_MISSING', `the key of ${configured.name} comes from the environment (${variable}) and is not stored: unset it and restart the daemon (tollgate restart)`, {
      metadata: { provider: configured.name, key_env: variable },
    });
  };

  const validateKey = async ({ provider, label, key }: ValidateKeyRequest, { signal }: CallScope): Promise<ValidateKeyResponse> => {
    const violations = new Violations();
    checkLabel(violations, label);
    if (key !== undefined) checkKeyText(violations, key);
    violations.throwIfAny();
    const configured = find(provider);
    const check = key === undefined ? await checkStored(configured, label, signal) : await checkKey(configured, key, signal);
    return { verdict: verdictOf(check), reason: check.reason ?? '', message: check.message, checkedWith: check.checkedWith };
  };

  const checkStored = async (configured: ProviderInstance, label: string, signal: AbortSignal): Promise<KeyCheck> => {
    const key = await secrets.keyOf(configured, label);
    const needsNone = label === '' && !configured.keyRequired;
    if (key === undefined && !needsNone) throw keyMissing(configured, await secrets.recordsOf(configured), label);
    const check = await checkKey(configured, key?.secret.reveal() ?? '', signal);
    if (key !== undefined && check.verdict !== undefined) secrets.judge(configured.name, key, check.verdict);
    return check;
  };

  const resetHealth = ({ provider }: ResetHealthRequest, { caller, log }: CallScope): ResetHealthResponse => {
    if (provider === '') health.reset();
    else health.reset(find(provider).name);
    log.info({ rpc: 'ResetHealth', client: caller.client, provider }, 'forgot failures');
    return {};
  };

  const lock = async (_request: LockRequest, { caller, log }: CallScope): Promise<LockResponse> => {
    await secrets.lock();
    log.info({ rpc: 'Lock', client: caller.client }, 'locked the keys');
    return { keyStore: toKeyStore(await secrets.status()) };
  };

  const unlock = async ({ passphrase }: UnlockRequest, { caller, log, signal }: CallScope): Promise<UnlockResponse> => {
    await secrets.unlock(new Secret(passphrase), { signal, isAdmin: caller.scopes.has('admin') });
    // A secret that an earlier version left in a file waited for this.
    void parts.signingKey.move();
    log.info({ rpc: 'Unlock', client: caller.client }, 'unlocked the keys');
    return { keyStore: toKeyStore(await secrets.status()) };
  };

  return { listProviders, getProvider, setKey: set, removeKey, validateKey, resetHealth, lock, unlock };
}
