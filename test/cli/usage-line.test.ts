import { describe, expect, it } from 'vitest';
import { usageLine } from '../../src/clients/cli/usage-line.ts';
import { Cost_Provenance, FinishReason } from '../../src/gen/tollgate/v1/content.ts';
import { Finish } from '../../src/gen/tollgate/v1/generate_service.ts';

describe('usageLine', () => {
  it('says model, tokens and time', () => {
    const finish = Finish.fromPartial({ finishReason: FinishReason.STOP, usage: { inputTokens: 12n, outputTokens: 345n }, duration: { seconds: 2n, nanos: 1e8 } });
    expect(usageLine('openai/gpt-5', finish)).toBe('openai/gpt-5 · tokens 12 in, 345 out · 2.1 s');
  });

  it('does not turn unknown tokens into zero, and shows a zero that is known', () => {
    expect(usageLine('a/b', Finish.fromPartial({ finishReason: FinishReason.STOP }))).toBe('a/b');
    expect(usageLine('a/b', Finish.fromPartial({ finishReason: FinishReason.STOP, usage: { outputTokens: 0n } }))).toBe('a/b · tokens 0 out');
  });

  it('says what it cost when that is known, and that an estimate is one', () => {
    const costing = (cost: object): string => usageLine('a/b', Finish.fromPartial({ finishReason: FinishReason.STOP, cost }));
    expect(costing({ expectedPicoUsd: 12_300_000_000n, provenance: Cost_Provenance.PRICED })).toBe('a/b · $0.0123');
    expect(costing({ expectedPicoUsd: 12_300_000_000n, provenance: Cost_Provenance.ESTIMATED })).toBe('a/b · ~$0.0123');
    expect(costing({ provenance: Cost_Provenance.FREE })).toBe('a/b · free');
    expect(costing({ provenance: Cost_Provenance.UNKNOWN })).toBe('a/b');
  });

  it('names why it stopped unless it was simply done', () => {
    expect(usageLine('a/b', Finish.fromPartial({ finishReason: FinishReason.LENGTH }))).toBe('a/b · LENGTH');
  });
});
