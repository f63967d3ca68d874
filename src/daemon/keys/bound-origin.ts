import { Failure } from '../failure.ts';
import type { ProviderInstance } from '../plugins/provider-instance.ts';

/** What stands in the place of an origin while a key is being stored: a write that was cut short leaves a key that goes nowhere. */
export const UNFINISHED = 'no address, as storing it was cut short';

/** What stands there for a key that was found again, of a plugin that ships without an address. */
export const UNKNOWN = 'an address that is not known any more';

/** What stands there for a key in whose place the store holds another one: nobody knows where that one may go. */
export const FOREIGN = 'another home, or by another program, in the place of the one that was set here';

/** Scheme, host and port of an address; addresses of this machine also come without a scheme. */
export function originOf(baseUrl: string): string {
  if (baseUrl === '') return 'this process';
  const url = baseUrl.includes('://') ? baseUrl : `http://${baseUrl}`;
  return URL.canParse(url) ? new URL(url).origin : baseUrl;
}

/** Where a key of this instance goes, and nowhere else. Throws SETTING_MISSING when it has no address yet. */
export function originToBind({ name, instance: { baseUrl }, provider: { manifest } }: ProviderInstance): string {
  if (baseUrl === '' && !manifest.isLocal) throw new Failure('SETTING_MISSING', `a key is stored for one address, and ${manifest.displayName} (${name}) has none yet: set providers.${name}.base_url in the config first`, { metadata: { provider: name, settings: 'base_url' } });
  return originOf(baseUrl);
}
