import { type Key, KeySource, KeyState, type KeyStore } from '../../gen/tollgate/v1/keys_service.ts';
import { enumName } from './enum-name.ts';
import type { Console } from './console.ts';

function words(name: string): string {
  return name.toLowerCase().replaceAll('_', ' ');
}

/** Whether there is such a key, of whatever use. */
export function isKey({ source }: Key): boolean {
  return source !== KeySource.UNSPECIFIED;
}

/** Whether a key can be taken out of the store, or replaced there. */
export function isStored({ source }: Key): boolean {
  return source === KeySource.KEYCHAIN || source === KeySource.ENCRYPTED_FILE;
}

export function keyState(key: Key): string {
  return key.state === KeyState.MISSING && isKey(key) ? 'stored for another address' : words(enumName(KeyState, key.state));
}

/** Where a key comes from, or from which variable it would. */
export function keySource({ source, envName }: Key): string {
  if (source === KeySource.UNSPECIFIED) return '';
  return source === KeySource.ENVIRONMENT && envName !== '' ? `environment ${envName}` : words(enumName(KeySource, source));
}

/** The end of a key as it may be shown: "…abcd". Empty for a short one. */
export function keyHint(key: string): string {
  return key.length < 12 ? '' : `…${key.slice(-4)}`;
}

/** Which key is meant: its provider, with its label in parentheses where it has one. */
export function keyName(provider: string, label: string): string {
  return label === '' ? provider : `${provider} (${label})`;
}

function sentence(text: string): string {
  return text.replace(/^./, (first) => first.toUpperCase()).replace(/[^.]$/, '$&.');
}

/** Says where keys are kept, and what stands in the way. */
export function sayStore(store: KeyStore | undefined, console: Console): void {
  if (store === undefined) return;
  const { source, description, locked, problem } = store;
  const where = source === KeySource.UNSPECIFIED ? 'There is nowhere to keep keys.' : `Keys are kept in ${description || words(enumName(KeySource, source))}${locked ? ', which is locked: `tollgate keys unlock`' : ''}.`;
  console.say([where, sentence(problem)].join(' ').trimEnd(), 'dim');
}
