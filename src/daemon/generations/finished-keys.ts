import { openPrivateJson } from '../files/private-json.ts';
import type { Logger } from '../logger.ts';

/** How long an idempotency key stands for its request. */
export const KEY_MS = 86_400_000;
/** The most finished keys that are kept; the oldest go first. */
const MAX_RECORDS = 10_000;
/** More than these can fill. */
const MAX_BYTES = 16 * 1024 * 1024;

/** That a generation with an idempotency key ended well. Nothing of what was asked or answered. */
export interface FinishedKey {
  readonly client: string;
  readonly keyHash: string;
  readonly bodyHash: string;
  readonly generationId: string;
  readonly finishedAt: Date;
}

/** The idempotency keys that finished in the last 24 h, kept in a file. */
export interface FinishedKeys {
  get(client: string, keyHash: string): FinishedKey | undefined;
  hasGeneration(client: string, generationId: string): boolean;
  /** Keeps one more: on the disk when this resolves. Throws a StartError; it is kept in memory all the same. */
  add(record: FinishedKey): Promise<void>;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string';

function finishedKeyOf(json: unknown): FinishedKey | undefined {
  if (!isRecord(json)) return undefined;
  const { client, key_hash: keyHash, body_hash: body, generation_id: generationId, finished_at: at } = json;
  if (!isText(client) || !isText(keyHash) || !isText(body) || !isText(generationId) || !isText(at)) return undefined;
  const finishedAt = new Date(at);
  return Number.isNaN(finishedAt.getTime()) ? undefined : { client, keyHash, bodyHash: body, generationId, finishedAt };
}

function parse(json: unknown): readonly FinishedKey[] | undefined {
  if (!isRecord(json) || json['version'] !== 1 || !Array.isArray(json['finished'])) return undefined;
  const finished = json['finished'].map(finishedKeyOf).filter((record) => record !== undefined);
  return finished.length === json['finished'].length ? finished : undefined;
}

const toJson = (finished: Iterable<FinishedKey>): object => ({
  version: 1,
  finished: Array.from(finished, ({ client, keyHash, bodyHash, generationId, finishedAt }) => ({ client, key_hash: keyHash, body_hash: bodyHash, generation_id: generationId, finished_at: finishedAt })),
});

const nameOf = (client: string, keyHash: string): string => `${keyHash} ${client}`;

/** Opens `state/generations.json`. A damaged file is put aside: without it a request that was answered before may be paid for again. */
export async function openFinishedKeys(path: string, log: Logger): Promise<FinishedKeys> {
  const file = await openPrivateJson(path, {
    parse,
    maxBytes: MAX_BYTES,
    onSetAside: (aside) => log.warn({ aside }, 'the list of finished idempotency keys is damaged and was put aside: a request that was answered in the last 24 h may run again'),
  });
  const records = new Map((file.initial ?? []).map((record) => [nameOf(record.client, record.keyHash), record]));
  let next: Promise<void> | undefined;

  const isOld = ({ finishedAt }: FinishedKey): boolean => Date.now() - finishedAt.getTime() >= KEY_MS;
  const sweep = (): void => {
    for (const [name, record] of records) {
      if (records.size > MAX_RECORDS || isOld(record)) records.delete(name);
    }
  };
  /** Those that come while a file is written go into the next one together. */
  const save = (): Promise<void> => {
    next ??= file.write(() => {
      next = undefined;
      sweep();
      return toJson(records.values());
    });
    return next;
  };

  return {
    get(client, keyHash) {
      const record = records.get(nameOf(client, keyHash));
      return record === undefined || isOld(record) ? undefined : record;
    },
    hasGeneration: (client, generationId) => [...records.values()].some((record) => record.client === client && record.generationId === generationId),
    add(record) {
      const name = nameOf(record.client, record.keyHash);
      // The newest stands last.
      records.delete(name);
      records.set(name, record);
      return save();
    },
  };
}
