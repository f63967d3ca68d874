import type { Generation } from '../../gen/tollgate/v1/usage_service.ts';
import { Failure } from '../failure.ts';
import type { Logger } from '../logger.ts';
import { Roster, type Place } from '../roster.ts';
import type { Clock } from './clock.ts';
import type { LedgerState } from './fold.ts';
import type { JournalRecord } from './journal-record.ts';
import type { Ledger, OpenGeneration, ReserveRequest } from './ledger.ts';
import type { QuotaDesk } from './quota-desk.ts';
import type { Recorder } from './recorder.ts';
import { crashed, settled, writeRequest, type CrashCost } from './settle-record.ts';

export interface ReserveParts {
  readonly state: LedgerState;
  readonly desk: QuotaDesk;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly crashCost: CrashCost;
  readonly log: Logger;
}

const CHECKPOINT_MS = 2000;
const CHECKPOINT_TOKENS = 1000;
/** A reservation without a sign of life for so long was forgotten by who made it. */
const LIFETIME_MS = 24 * 3_600_000;

/** A reservation of this launch. */
interface Live {
  readonly id: string;
  signMs: number;
  isOver: boolean;
}

/** Reservations, from their beginning to their one end. */
export function reservations({ state, desk, recorder, clock, crashCost, log }: ReserveParts): Ledger {
  /** By their last sign of life, the longest silent first. */
  const living = new Roster<Live>();
  const now = (): number => Math.trunc(clock.now());

  const sign = (place: Place<Live>): void => {
    place.member.signMs = clock.monotonic();
    living.toEnd(place);
  };

  const finish = (place: Place<Live>): void => {
    place.member.isOver = true;
    living.remove(place);
  };

  /** Ends what was left open: without a call it is given back, with one it is estimated as after a crash. */
  const abandon = async (id: string): Promise<void> => {
    const open = state.open.get(id);
    if (open === undefined) return;
    log.error({ generation_id: id, client: open.client }, 'a reservation was never ended, and is ended now');
    try {
      await recorder.recordEnd(open.attempts.length === 0 ? { type: 'EXPIRE', id, time: now() } : await crashed(open, crashCost, now()));
    } catch (error) {
      log.error({ err: error, generation_id: id }, 'the end of a reservation cannot be written yet');
    }
  };

  const abandonSilent = (): void => {
    for (let oldest = living.first; oldest !== undefined && clock.monotonic() - oldest.member.signMs >= LIFETIME_MS; oldest = living.first) {
      finish(oldest);
      void abandon(oldest.member.id);
    }
  };

  /** `reserved` is when the reservation is on the disk. */
  const open = (request: ReserveRequest, place: Place<Live>, { budget, refusals }: Pick<OpenGeneration, 'budget' | 'refusals'>, reserved: Promise<void>): OpenGeneration => {
    const live = place.member;
    const { id } = live;
    let atTokens = 0;
    let atMs = clock.monotonic();
    const end = async (record: JournalRecord, generation?: Generation): Promise<void> => {
      if (live.isOver) return;
      finish(place);
      const isReserved = await reserved.then(() => true, () => false);
      if (isReserved) await recorder.recordEnd(record, generation);
    };
    return {
      budget,
      refusals,
      reserved,
      async attempt(provider, model) {
        if (live.isOver) throw new Failure('INTERNAL', 'a provider was to be called for a generation that is over');
        // One write takes both, in their order: what holds up or fails the first does so to the second.
        await recorder.record({ type: 'ATTEMPT', id, time: now(), provider, model });
        await reserved;
        if (!live.isOver) sign(place);
        atMs = clock.monotonic();
      },
      checkpoint(outputTokens) {
        const tokens = Math.trunc(outputTokens);
        if (live.isOver || tokens <= atTokens || (tokens - atTokens < CHECKPOINT_TOKENS && clock.monotonic() - atMs < CHECKPOINT_MS)) return;
        atTokens = tokens;
        sign(place);
        atMs = live.signMs;
        // One that is lost makes an estimate after a crash worse, and nothing else.
        recorder.record({ type: 'CHECKPOINT', id, time: now(), outputTokens: tokens }).catch(() => {});
      },
      settle(settlement) {
        const { record, generation } = settled(request, settlement, now());
        return end(record, generation);
      },
      void: (reason) => end({ type: 'VOID', id, time: now(), reason }),
    };
  };

  return {
    async reserve(request) {
      abandonSilent();
      const { generationId: id, client, tier } = request;
      const time = now();
      const held = desk.hold(request, time);
      const reserved = recorder.record({ type: 'RESERVE', id, time, client, tier, windows: held.windows, request: writeRequest({ ...request, bound: held.bound }) }, held.done);
      // Told to whoever wants to call; where nobody does, nothing is lost.
      reserved.catch(held.done);
      const place = living.add({ id, signMs: clock.monotonic(), isOver: false });
      return open({ ...request, bound: held.bound }, place, held, reserved);
    },
  };
}
