import { unavailable } from './store-failure.ts';

const VERSION = 1;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What stands inside the encrypted file. Throws KEY_STORE_UNAVAILABLE for what we have not written. */
export function readContent(text: string, path: string): Map<string, string> {
  // What the parser says would quote what it read: keys.
  const damaged = unavailable(`${path} is damaged: it can be opened, but holds something else than keys. Put it back from a backup, or delete it and set the keys again`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw damaged;
  }
  if (!isRecord(json)) throw damaged;
  const { version, secrets } = json;
  if (typeof version === 'number' && version > VERSION) throw unavailable(`${path} was written by a newer Tollgate (version ${version}; this one reads ${VERSION}). Update Tollgate`);
  if (version !== VERSION || !isRecord(secrets)) throw damaged;
  const content = new Map<string, string>();
  for (const [account, secret] of Object.entries(secrets)) {
    if (typeof secret !== 'string') throw damaged;
    content.set(account, secret);
  }
  return content;
}

export const writeContent = (content: ReadonlyMap<string, string>): string => JSON.stringify({ version: VERSION, secrets: Object.fromEntries(content) });
