import { CheckKeyResponse_Verdict as Verdict } from '../../gen/tollgate/provider/v1/provider_service.ts';
import { clip } from '../../plugins/kit/clip.ts';
import { redact } from '../../plugins/kit/redact.ts';
import { ProviderError } from '../../plugins/provider.ts';
import { Failure, type Reason } from '../failure.ts';
import type { ProviderInstance } from '../plugins/provider-instance.ts';
import type { KeyVerdict } from './secrets.ts';

/** What a provider said of a key. */
export interface KeyCheck {
  /** undefined when it could not be asked, or its answer says nothing about the key. */
  readonly verdict: KeyVerdict | undefined;
  /** undefined for a good key. */
  readonly reason: Reason | undefined;
  /** What it said, for people. Without the key. */
  readonly message: string;
  /** What was asked, e.g. "GET /v1/models". */
  readonly checkedWith: string;
}

/** A provider that answers no sooner does not say whether the key is good: that must not keep its owner from storing it. */
const CHECK_MS = 10_000;
const MAX_MESSAGE_BYTES = 512;

const unknown = (reason: Reason, message: string, checkedWith = ''): KeyCheck => ({ verdict: undefined, reason, message, checkedWith });

/** Asks a provider about a key, free of charge wherever it can. `signal` fires with a Failure, which is thrown. */
export async function checkKey({ name, provider, instance, missingSettings }: ProviderInstance, key: string, signal: AbortSignal): Promise<KeyCheck> {
  const { displayName } = provider.manifest;
  if (missingSettings.length > 0) return unknown('SETTING_MISSING', `the key was not checked: ${displayName} needs ${missingSettings.join(' and ')} first`);
  const limit = AbortSignal.timeout(CHECK_MS);
  const said = (message: string): string => clip(redact(message, key), MAX_MESSAGE_BYTES);
  try {
    const { verdict, message, checkedWith } = await provider.checkKey({ instance, key }, { signal: AbortSignal.any([signal, limit]) });
    signal.throwIfAborted();
    if (limit.aborted) return unknown('FIRST_TOKEN_TIMEOUT', `${displayName} did not answer within ${CHECK_MS / 1000} s`, checkedWith);
    if (verdict === Verdict.VALID) return { verdict: 'good', reason: undefined, message: said(message), checkedWith };
    if (verdict === Verdict.INVALID) return { verdict: 'refused', reason: 'KEY_REJECTED', message: said(message), checkedWith };
    return unknown('PROVIDER_UNAVAILABLE', said(message), checkedWith);
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted) return unknown('FIRST_TOKEN_TIMEOUT', `${displayName} did not answer within ${CHECK_MS / 1000} s`);
    if (error instanceof ProviderError) return unknown('PROVIDER_UNAVAILABLE', said(error.message));
    throw new Failure('INTERNAL', 'the plugin failed unexpectedly; see the log of the daemon', { metadata: { provider: name }, cause: error });
  }
}
