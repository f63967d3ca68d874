import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { Attempt_Outcome, Cost_Provenance, FinishReason, type Cost, type TokenUsage } from '../../../src/gen/tollgate/v1/content.ts';
import { UsageSource } from '../../../src/gen/tollgate/v1/usage_service.ts';
import { toDuration } from '../../../src/duration.ts';
import { readGeneration } from '../../../src/daemon/usage/generation-record.ts';
import { settled } from '../../../src/daemon/usage/settle-record.ts';
import { attempt, NOON, request } from './ledger-home.ts';

const amount = fc.bigInt({ min: 0n, max: 2n ** 62n });
const optional = <T>(some: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(some, { nil: undefined });
const usage: fc.Arbitrary<TokenUsage> = fc.record({ inputTokens: amount, outputTokens: amount, cacheReadInputTokens: amount, webSearchRequests: amount }, { requiredKeys: ['inputTokens'] });
const cost: fc.Arbitrary<Cost> = fc.record({ expectedPicoUsd: optional(amount), lowPicoUsd: optional(amount), highPicoUsd: optional(amount), provenance: fc.constantFrom(...Object.values(Cost_Provenance).filter((each) => each !== Cost_Provenance.UNSPECIFIED)), priceVersion: fc.string() });
const ms = fc.double({ min: 0, max: 1e7, noNaN: true });
const word = fc.string({ maxLength: 12 });

const settlement = fc.record({
  startTime: fc.date({ min: new Date(1), max: new Date(NOON), noInvalidDate: true }),
  durationMs: ms,
  timeToFirstTokenMs: optional(ms),
  finishReason: fc.constantFrom(...Object.values(FinishReason)),
  statusReason: fc.constantFrom('', 'CANCELLED'),
  usage: optional(usage),
  usageSource: fc.constantFrom(...Object.values(UsageSource)),
  cost,
  attempts: fc.array(fc.record({ provider: word, message: word, httpStatus: fc.nat(599), outcome: fc.constantFrom(...Object.values(Attempt_Outcome)), duration: optional(ms.map(toDuration)), usage: optional(usage), cost: optional(cost) }).map(attempt), { maxLength: 3 }),
  provider: word,
  responseModel: word,
});

it('what a settled generation is known as is what is read from its record', () => {
  fc.assert(
    fc.property(settlement, fc.dictionary(word, word, { maxKeys: 3, noNullPrototype: true }), (ended, labels) => {
      const { record, generation } = settled(request({ labels }), ended, NOON);
      if (record.type !== 'SETTLE') throw new Error('it is no end');
      const written: unknown = JSON.parse(JSON.stringify(record.generation));
      expect(readGeneration(record.id, record.time, written as typeof record.generation)).toEqual(generation);
    }),
    { numRuns: 500 },
  );
});
