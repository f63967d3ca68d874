import { withBoundedFile } from '../files/bounded-file.ts';
import { fetchText } from '../fetch-text.ts';
import { MAX_JWKS_BYTES, readJwks, type ExternalAlgorithm, type PublicKey } from './jwks.ts';

/** An issuer's public keys, as they are now. */
export interface JwksSource {
  /** Another number once the keys are others: what was proven with the keys before must be proven again. */
  readonly version: number;
  /** Throws an Error that says why the keys cannot be had. */
  keys(): Promise<readonly PublicKey[]>;
  /** The keys after another look, for a token that names none of them. */
  keysAgain(): Promise<readonly PublicKey[]>;
}

export interface JwksSourceOptions {
  readonly algorithms: readonly ExternalAlgorithm[];
  /** Told when the keys cannot be read. */
  readonly onProblem: (problem: string) => void;
  /** Milliseconds of a clock that is never set. Default performance.now. */
  readonly clock?: () => number;
}

/** How long fetched keys are taken for fresh. */
const FRESH_MS = 10 * 60_000;
/** How long they are used at most when they cannot be fetched again. */
const STALE_MS = 24 * 3_600_000;
/** How often a token that names an unknown key leads to another fetch, at most. */
const AGAIN_MS = 60_000;
/** How often an issuer that could not be asked is asked again, at most. */
const RETRY_MS = 5000;
const FETCH_MS = 5000;

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function parse(text: string, algorithms: readonly ExternalAlgorithm[]): readonly PublicKey[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error('it is not JSON');
  }
  return readJwks(json, algorithms);
}

/**
 * Keys from an address: fetched at the first use, again when they are 10 minutes old, and for an unknown key once a minute at most. While
 * they cannot be fetched, those before are used for a day.
 */
export function jwksFromUrl(url: string, { algorithms, onProblem, clock = () => performance.now() }: JwksSourceOptions): JwksSource {
  let current: { readonly text: string; readonly keys: readonly PublicKey[]; readonly fetchedMs: number } | undefined;
  let failure: Error | undefined;
  let triedMs = -Infinity;
  let againMs = -Infinity;
  let version = 0;
  let fetching: Promise<void> | undefined;

  const fetchKeys = async (): Promise<void> => {
    triedMs = clock();
    try {
      const text = await fetchText({ url, accept: 'application/jwk-set+json, application/json', maxBytes: MAX_JWKS_BYTES, signal: AbortSignal.timeout(FETCH_MS) });
      const keys = text === current?.text ? current.keys : parse(text, algorithms);
      if (keys !== current?.keys) version++;
      current = { text, keys, fetchedMs: clock() };
      failure = undefined;
    } catch (error) {
      failure = new Error(`the keys at ${url} cannot be read: ${wordsOf(error)}`);
      onProblem(failure.message);
    }
  };
  const refresh = (): Promise<void> => (fetching ??= fetchKeys().finally(() => (fetching = undefined)));

  const known = (): readonly PublicKey[] => {
    if (current !== undefined && clock() - current.fetchedMs < STALE_MS) return current.keys;
    throw failure ?? new Error(`the keys at ${url} cannot be read`);
  };

  return {
    get version() {
      return version;
    },
    async keys() {
      const now = clock();
      const isFresh = current !== undefined && now - current.fetchedMs < FRESH_MS;
      const pause = current === undefined ? RETRY_MS : AGAIN_MS;
      if (!isFresh && (fetching !== undefined || failure === undefined || now - triedMs >= pause)) await refresh();
      return known();
    },
    async keysAgain() {
      if (fetching !== undefined) await fetching;
      else if (clock() - againMs >= AGAIN_MS) {
        againMs = clock();
        await refresh();
      }
      return known();
    },
  };
}

/** Keys from a file, which is looked at each time and read when it is another. Nobody but this user or root may write it. */
export function jwksFromFile(path: string, { algorithms, onProblem }: JwksSourceOptions): JwksSource {
  let current: { readonly stamp: string; readonly keys: readonly PublicKey[] } | undefined;
  let toldOf: string | undefined;
  let version = 0;

  const read = (): Promise<readonly PublicKey[]> =>
    withBoundedFile(path, { maxBytes: MAX_JWKS_BYTES }, async ({ stats, read: readAll }) => {
      const uid = process.getuid?.();
      if (!stats.isFile()) throw new Error('it is not a file');
      if (uid !== undefined && ((stats.uid !== uid && stats.uid !== 0) || (stats.mode & 0o022) !== 0)) throw new Error(`others may write it, and say with it who may call. Make it yours, and run: chmod go-w '${path}'`);
      const stamp = `${stats.ino} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}`;
      if (stamp === current?.stamp) return current.keys;
      const text = await readAll();
      if (text === undefined) throw new Error(`it is longer than ${MAX_JWKS_BYTES} bytes`);
      current = { stamp, keys: parse(text, algorithms) };
      version++;
      return current.keys;
    });

  const keys = async (): Promise<readonly PublicKey[]> => {
    try {
      const all = await read();
      toldOf = undefined;
      return all;
    } catch (error) {
      const problem = `the keys in ${path} cannot be read: ${wordsOf(error)}`;
      if (problem !== toldOf) onProblem(problem);
      toldOf = problem;
      throw new Error(problem, { cause: error });
    }
  };

  return {
    get version() {
      return version;
    },
    keys,
    keysAgain: keys,
  };
}
