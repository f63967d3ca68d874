import { Failure } from '../failure.ts';
import type { ProviderInstance } from '../plugins/provider-instance.ts';
import { FOREIGN, originOf } from './bound-origin.ts';
import type { KeyRecord } from './key-ring.ts';

function whatElse(records: readonly KeyRecord[]): string {
  const labels = records.map(({ label }) => (label === '' ? 'the default one' : `"${label}"`));
  return labels.length === 0 ? '' : ` (it has ${labels.join(', ')})`;
}

/** That an instance has no key of this label, or none that may be sent to its address; without a label, that it has none at all. */
export function keyMissing({ name, provider, instance, keyEnvNames }: ProviderInstance, records: readonly KeyRecord[], label?: string): Failure {
  const { displayName } = provider.manifest;
  const fail = (message: string): Failure => new Failure('KEY_MISSING', message, { metadata: { provider: name, key_env: keyEnvNames.join(',') } });
  const ofLabel = records.filter((record) => label === undefined || record.label === label);
  const set = `run tollgate keys set ${name}`;
  const bound = ofLabel.find(({ boundElsewhere }) => boundElsewhere !== undefined)?.boundElsewhere;
  if (bound === FOREIGN) return fail(`the key of ${displayName} (${name}) was changed in the store by another home or program, so it is not used: set it again (tollgate keys set ${name})`);
  if (bound !== undefined) return fail(`the key of ${displayName} (${name}) was stored for ${bound}, so it is not sent to ${originOf(instance.baseUrl)}: ${set} if it shall go there`);
  if (label !== undefined && label !== '') return fail(`there is no key "${label}" for ${displayName} (${name})${whatElse(records)}`);
  if (label === '' && records.length > 0) return fail(`there is no default key for ${displayName} (${name})${whatElse(records)}`);
  const variables = keyEnvNames.length === 0 ? '' : `, or start the daemon with ${keyEnvNames.join(' or ')} set`;
  return fail(`there is no key for ${displayName} (${name}): ${set}${variables}`);
}
