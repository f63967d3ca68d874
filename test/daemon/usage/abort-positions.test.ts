import { describe, expect, it } from 'vitest';
import { BILLED_STREAMS } from './billed-stream.ts';
import { hangUpEverywhere } from './hang-up-everywhere.ts';

describe('a caller that hangs up at any of 50 places of an answer', () => {
  it('costs what the provider bills, or an interval that holds it: each call ends once, and nothing stays open', async () => {
    expect(await hangUpEverywhere(BILLED_STREAMS, 50)).toBe(50 * BILLED_STREAMS.length);
  }, 40_000);
});
