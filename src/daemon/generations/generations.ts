import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { GenerateRequest } from '../../gen/tollgate/v1/generate_service.ts';
import { Attempt_Outcome } from '../../gen/tollgate/v1/content.ts';
import { Failure } from '../failure.ts';
import type { Logger } from '../logger.ts';
import { Roster, type Place } from '../roster.ts';
import { bodyHash } from './body-hash.ts';
import { KEY_MS, openFinishedKeys, type FinishedKey, type FinishedKeys } from './finished-keys.ts';
import { GenerationStream, resumeExpired, type Budget } from './generation-stream.ts';
import { KeptStreams } from './kept-streams.ts';

/** The most keys whose request is remembered beside those that finished. */
const MAX_KEYS = 10_000;
/** How long generations that are cut short may take to end. */
const SETTLE_MS = 5000;

/** Does a generation: gives the stream its id and its events. Throws what it fails with. */
export type Work = (stream: GenerationStream) => Promise<void>;

/** The generations that run, and those that were answered lately. */
export interface Generations {
  /**
   * Starts a generation; or finds the one that the request's idempotency key stands for, to be followed from its first event. Throws
   * IDEMPOTENCY_KEY_REUSED, or ALREADY_DONE when the answer is no longer held.
   */
  open(client: string, request: GenerateRequest, work: Work): GenerationStream;
  /** One that the client has. Throws GENERATION_NOT_FOUND, or RESUME_EXPIRED when nothing of it is held. */
  find(client: string, generationId: string): GenerationStream;
  /** Cancels what runs. */
  close(): Promise<void>;
}

/** What an idempotency key stands for. */
interface KeyEntry {
  readonly bodyHash: string;
  readonly since: number;
  readonly stream: GenerationStream;
}

/** Whether a provider was asked, so that the key stands for this request although it failed. */
const wasTried = (error: unknown): boolean => error instanceof Failure && error.generation?.attempts.some(({ outcome }) => outcome !== Attempt_Outcome.SKIPPED) === true;

const alreadyDone = ({ generationId }: FinishedKey): Failure =>
  new Failure('ALREADY_DONE', `this request was answered in the generation ${generationId}, whose text is no longer held; to ask again, send it with another idempotency_key`, { metadata: { generation: generationId } });

export async function openGenerations(path: string, log: Logger): Promise<Generations> {
  return generations(await openFinishedKeys(path, log), log);
}

export function generations(finished: FinishedKeys, log: Logger): Generations {
  const running = new Roster<GenerationStream>();
  const byKey = new Map<string, KeyEntry>();
  const kept = new KeptStreams();
  const budget: Budget = kept;

  const isOld = ({ since, stream }: KeyEntry): boolean => stream.isOver && Date.now() - since >= KEY_MS;
  const forgetOldKeys = (): void => {
    for (const [name, entry] of byKey) {
      if (isOld(entry) || (byKey.size > MAX_KEYS && entry.stream.isOver && !entry.stream.isHeld)) byKey.delete(name);
    }
  };

  const run = async (place: Place<GenerationStream>, work: Work, onDone: () => Promise<void>, onFailed: (error: unknown) => void): Promise<void> => {
    const stream = place.member;
    try {
      await work(stream);
      await onDone();
      stream.settle();
    } catch (error) {
      onFailed(error);
      stream.settle(error);
    } finally {
      running.remove(place);
      kept.add(stream);
    }
  };

  const start = (client: string, keyed: boolean): Place<GenerationStream> => running.add(new GenerationStream({ client, keyed, budget }));

  const startPlain = (client: string, work: Work): GenerationStream => {
    const place = start(client, false);
    void run(place, work, async () => {}, () => {});
    return place.member;
  };

  const startKeyed = (client: string, keyHash: string, hash: string, work: Work): GenerationStream => {
    const place = start(client, true);
    const stream = place.member;
    const name = `${keyHash} ${client}`;
    const entry: KeyEntry = { bodyHash: hash, since: Date.now(), stream };
    if (byKey.size > MAX_KEYS) forgetOldKeys();
    byKey.delete(name);
    byKey.set(name, entry);
    const onDone = async (): Promise<void> => {
      const record: FinishedKey = { client, keyHash, bodyHash: hash, generationId: stream.id, finishedAt: new Date() };
      // The answer is there and paid: the caller gets it, whatever the disk says.
      await finished.add(record).catch((error: unknown) => log.error({ err: error, generation: stream.id }, 'cannot write which idempotency keys are finished: after a restart this request may be paid for again'));
    };
    const onFailed = (error: unknown): void => {
      if (!wasTried(error) && byKey.get(name) === entry) byKey.delete(name);
    };
    void run(place, work, onDone, onFailed);
    return stream;
  };

  return {
    open(client, request, work) {
      if (request.idempotencyKey === '') return startPlain(client, work);
      const keyHash = createHash('sha256').update(request.idempotencyKey).digest('base64url');
      const hash = bodyHash(request);
      const held = byKey.get(`${keyHash} ${client}`);
      const entry = held === undefined || isOld(held) ? undefined : held;
      const done = finished.get(client, keyHash);
      const known = entry?.bodyHash ?? done?.bodyHash;
      if (known !== undefined && known !== hash) throw new Failure('IDEMPOTENCY_KEY_REUSED', 'this idempotency_key was used for another request within 24 h; give each request a key of its own');
      const stream = entry?.stream;
      if (stream?.isGood === true && (stream.isWhole || !stream.isOver)) return stream;
      if (done !== undefined) throw alreadyDone(done);
      return startKeyed(client, keyHash, hash, work);
    },
    find(client, generationId) {
      const isIt = (stream: GenerationStream): boolean => stream.id === generationId && stream.client === client;
      const stream = generationId === '' ? undefined : ([...running].find(isIt) ?? kept.find(isIt));
      if (stream !== undefined) return stream;
      if (finished.hasGeneration(client, generationId)) throw resumeExpired(generationId);
      throw new Failure('GENERATION_NOT_FOUND', `there is no generation "${generationId}" that can be resumed: it never was, ended too long ago, or is another client's`);
    },
    async close() {
      for (const stream of running) stream.cancel(new Failure('SHUTTING_DOWN', 'the daemon is stopping; try again in a moment'));
      await Promise.race([Promise.all([...running].map(({ over }) => over)), delay(SETTLE_MS, undefined, { ref: false })]);
      kept.close();
    },
  };
}
