import {
  type DeepPartial, type GetProviderResponse, KeysServiceService, type ListProvidersResponse, type LockResponse, RemoveKeyRequest, type RemoveKeyResponse,
  type ResetHealthResponse, SetKeyRequest, type SetKeyResponse, type UnlockResponse, ValidateKeyRequest, type ValidateKeyResponse,
} from '../../gen/tollgate/v1/keys_service.ts';
import { type CallOptions, unary } from './call.ts';
import type { Connection } from './connection.ts';

/** The providers' keys. Every method needs the scope `keys`; none returns a key. */
export interface KeysClient {
  /** All providers, ordered by name, and where their keys are kept. */
  list(options?: CallOptions): Promise<ListProvidersResponse>;
  /** One provider. Rejects with PROVIDER_NOT_FOUND. */
  get(name: string, options?: CallOptions): Promise<GetProviderResponse>;
  /** Checks a key and stores it; `provider` is needed. Without `key` it only sets `settings`. Rejects with KEY_REJECTED: then nothing is stored. */
  set(request: DeepPartial<SetKeyRequest>, options?: CallOptions): Promise<SetKeyResponse>;
  /** Removes a stored key; `provider` is needed. Rejects with KEY_MISSING when there is none. */
  remove(request: DeepPartial<RemoveKeyRequest>, options?: CallOptions): Promise<RemoveKeyResponse>;
  /** Asks the provider about a key, the stored one when `key` is unset; `provider` is needed. Never rejects for a bad key. */
  validate(request: DeepPartial<ValidateKeyRequest>, options?: CallOptions): Promise<ValidateKeyResponse>;
  /** Forgets the failures of a provider, of all without a name: what cools down is called again at once. Rejects with PROVIDER_NOT_FOUND. */
  resetHealth(provider?: string, options?: CallOptions): Promise<ResetHealthResponse>;
  /** Forgets every key in memory until `unlock`. */
  lock(options?: CallOptions): Promise<LockResponse>;
  /** Opens the store; `passphrase` is the encrypted file's, where it has one. Rejects with KEYS_LOCKED for a wrong one. */
  unlock(passphrase?: string, options?: CallOptions): Promise<UnlockResponse>;
}

export function createKeysClient(connection: Connection): KeysClient {
  return {
    list: (options) => unary(connection, KeysServiceService.listProviders, {}, options),
    get: (name, options) => unary(connection, KeysServiceService.getProvider, { name }, options),
    set: (request, options) => unary(connection, KeysServiceService.setKey, SetKeyRequest.fromPartial(request), options),
    remove: (request, options) => unary(connection, KeysServiceService.removeKey, RemoveKeyRequest.fromPartial(request), options),
    validate: (request, options) => unary(connection, KeysServiceService.validateKey, ValidateKeyRequest.fromPartial(request), options),
    resetHealth: (provider = '', options = {}) => unary(connection, KeysServiceService.resetHealth, { provider }, options),
    lock: (options) => unary(connection, KeysServiceService.lock, {}, options),
    unlock: (passphrase = '', options = {}) => unary(connection, KeysServiceService.unlock, { passphrase }, options),
  };
}
