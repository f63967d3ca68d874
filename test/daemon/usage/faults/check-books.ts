import { expect } from 'vitest';
import { FinishReason } from '../../../../src/gen/tollgate/v1/content.ts';
import { UsageSource, type Generation } from '../../../../src/gen/tollgate/v1/usage_service.ts';
import { openAt } from '../journal-home.ts';
import { costOfWords, type SeenCall } from './billed-daemon.ts';

/** Whether it is an estimate of what a crash cut short. */
export const isCrashed = ({ usageSource, statusReason, finishReason }: Generation): boolean => usageSource === UsageSource.CRASH_ESTIMATED && statusReason === 'INTERNAL' && finishReason === FinishReason.UNSPECIFIED;

/** Fails unless each acknowledged call stands there with its exact cost, every other one once, whole or as an estimate, and none twice. */
export function checkBooks(exported: readonly Generation[], calls: readonly SeenCall[]): void {
  const byId = new Map(exported.map((generation) => [generation.generationId, generation]));
  expect(byId.size).toBe(exported.length);
  for (const { id, words, finish } of calls) {
    if (id === undefined) continue;
    const generation = byId.get(id);
    if (finish !== undefined) expect(finish.cost?.expectedPicoUsd).toBe(costOfWords(words));
    if (generation === undefined || (finish === undefined && isCrashed(generation))) {
      expect([id, generation?.generationId]).toEqual([id, id]);
      continue;
    }
    expect([id, generation.usageSource, generation.statusReason, generation.cost?.expectedPicoUsd]).toEqual([id, UsageSource.REPORTED, '', costOfWords(words)]);
  }
  // Each of these calls has one attempt, also when it stands in the snapshot and behind it.
  for (const generation of exported) expect([generation.generationId, generation.attempts.length]).toEqual([generation.generationId, 1]);
  for (const generation of exported) expect([generation.generationId, isCrashed(generation) || generation.usageSource === UsageSource.REPORTED]).toEqual([generation.generationId, true]);
}

export interface JournalCounts {
  readonly reserved: number;
  readonly attempts: number;
  readonly settled: number;
  readonly given: number;
}

/** Counts the records of a journal that nobody has open. Fails unless each reservation has exactly one end, and one with a call is settled. */
export async function checkJournal(dir: string): Promise<JournalCounts> {
  const journal = await openAt(dir);
  const [reserved, attempts, settled, given] = [new Set<string>(), new Set<string>(), new Set<string>(), new Set<string>()];
  const byType = new Map<string, Set<string>>([['RESERVE', reserved], ['ATTEMPT', attempts], ['SETTLE', settled], ['VOID', given]]);
  for await (const { record } of journal.replay()) {
    const into = byType.get(record.type);
    if (into === undefined) continue;
    const id = 'id' in record ? record.id : '';
    expect([record.type, id, into.has(id)]).toEqual([record.type, id, false]);
    into.add(id);
  }
  await journal.close();
  expect(attempts.isSubsetOf(reserved)).toBe(true);
  // Nothing is free once somebody was called; all is given back when nobody was.
  expect([...settled].toSorted()).toEqual([...attempts].toSorted());
  expect([...given].toSorted()).toEqual([...reserved.difference(attempts)].toSorted());
  return { reserved: reserved.size, attempts: attempts.size, settled: settled.size, given: given.size };
}
