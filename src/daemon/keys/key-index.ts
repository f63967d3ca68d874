import { lstat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Home } from '../../environment.ts';
import { inTurn } from '../files/in-turn.ts';
import { ensurePrivateDir } from '../files/private-dir.ts';
import { openPrivateJson } from '../files/private-json.ts';
import type { SecretStore } from './secret-store.ts';
import type { KeyVerdict } from './secrets.ts';

/** What is kept of a stored key. Never the key itself. */
export interface StoredKey {
  readonly provider: string;
  readonly label: string;
  readonly hint: string;
  /** The scheme, host and port that it may be sent to. */
  readonly origin: string;
  /** Of the key that this home stored: more than one while it is being replaced, none for one of an earlier version until it is read. */
  readonly fingerprints: readonly string[];
  readonly addedAt: Date;
  readonly verdict: KeyVerdict | undefined;
  readonly lastChecked: Date | undefined;
}

export interface KeyIndexContent {
  /** Which store holds them; undefined until something was stored. */
  readonly store: SecretStore['origin'] | undefined;
  /** In the order in which they were first stored. */
  readonly keys: readonly StoredKey[];
  /** Names of the daemon's own secrets. */
  readonly own: readonly string[];
  /** A former index was lost: the store may hold default keys that stand in none. */
  readonly lost: boolean;
  /** Locked by a person, until a person unlocks them. */
  readonly locked: boolean;
}

export interface KeyIndex {
  readonly content: KeyIndexContent;
  /** In memory once it is on the disk. Throws a StartError. */
  readonly update: (change: (content: KeyIndexContent) => KeyIndexContent) => Promise<void>;
  /** In memory at once; on the disk with the next update. */
  readonly note: (change: (content: KeyIndexContent) => KeyIndexContent) => void;
}

/** More than thousands of keys can fill. */
const MAX_BYTES = 4 * 1024 * 1024;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string';

function dateOf(value: unknown): Date | undefined {
  const date = isText(value) ? new Date(value) : undefined;
  return date === undefined || Number.isNaN(date.getTime()) ? undefined : date;
}

function storedKeyOf(json: unknown): StoredKey | undefined {
  if (!isRecord(json)) return undefined;
  const { provider, label, hint, origin, verdict, fingerprints = [] } = json;
  const [addedAt, lastChecked] = [dateOf(json['added_at']), dateOf(json['last_checked'])];
  if (!isText(provider) || !isText(label) || !isText(hint) || !isText(origin) || addedAt === undefined) return undefined;
  if (!Array.isArray(fingerprints) || !fingerprints.every(isText)) return undefined;
  if (verdict !== undefined && verdict !== 'good' && verdict !== 'refused') return undefined;
  return { provider, label, hint, origin, fingerprints, addedAt, verdict, lastChecked };
}

/** What `state/keys.json` holds, read strictly: undefined when anything in it is not as we write it. */
function parseIndex(json: unknown): KeyIndexContent | undefined {
  if (!isRecord(json) || json['version'] !== 1) return undefined;
  const { store, keys, own, lost, locked } = json;
  if (store !== undefined && store !== 'keychain' && store !== 'encrypted-file') return undefined;
  if (!Array.isArray(keys) || !Array.isArray(own) || !own.every(isText)) return undefined;
  const read = keys.map(storedKeyOf).filter((key) => key !== undefined);
  return read.length === keys.length ? { store, keys: read, own, lost: lost === true, locked: locked === true } : undefined;
}

const toJson = ({ store, keys, own, lost, locked }: KeyIndexContent): object => ({
  version: 1,
  store,
  lost: lost ? true : undefined,
  locked: locked ? true : undefined,
  keys: keys.map(({ addedAt, lastChecked, ...rest }) => ({ ...rest, added_at: addedAt, last_checked: lastChecked })),
  own,
});

/** Opens `state/keys.json`: which keys are stored, and where. A damaged one is set aside and told of. Throws a StartError for a file in the way. */
export async function openKeyIndex({ keysFile, ageFile }: Pick<Home, 'keysFile' | 'ageFile'>, onSetAside: (aside: string) => void): Promise<KeyIndex> {
  let lost = false;
  const file = await openPrivateJson(keysFile, {
    parse: parseIndex,
    maxBytes: MAX_BYTES,
    onSetAside(aside) {
      lost = true;
      onSetAside(aside);
    },
  });
  if (file.initial === undefined) lost ||= (await lstat(ageFile).catch(() => undefined)) !== undefined;
  const turn = inTurn();
  let content: KeyIndexContent = file.initial ?? { store: undefined, keys: [], own: [], lost, locked: false };
  return {
    get content() {
      return content;
    },
    update: (change) =>
      turn(async () => {
        await ensurePrivateDir(dirname(keysFile));
        await file.write(() => toJson(change(content)));
        // Something may have been noted since.
        content = change(content);
      }),
    note: (change) => {
      content = change(content);
    },
  };
}
