import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/clients/cli/canonical-json.ts';
import { FinishReason } from '../../src/gen/tollgate/v1/content.ts';
import { GenerateResponse } from '../../src/gen/tollgate/v1/generate_service.ts';

describe('canonicalJson', () => {
  it("uses the proto's names, strings for int64 and for durations, and enum names", async () => {
    const response = GenerateResponse.fromPartial({
      seq: 9_007_199_254_740_993n,
      event: { $case: 'finish', value: { finishReason: FinishReason.STOP, usage: { inputTokens: 0n }, duration: { seconds: 1n, nanos: 500_000_000 } } },
    });
    expect(JSON.parse(await canonicalJson('tollgate.v1.GenerateResponse', GenerateResponse.encode(response)))).toEqual({
      seq: '9007199254740993', finish: { finish_reason: 'FINISH_REASON_STOP', usage: { input_tokens: '0' }, duration: '1.500s' },
    });
  });

  it('writes bytes as base64 and no line break', async () => {
    const response = GenerateResponse.fromPartial({ event: { $case: 'reasoningDelta', value: { text: 'a\nb', redactedData: Buffer.from([255, 254]) } } });
    const line = await canonicalJson('tollgate.v1.GenerateResponse', GenerateResponse.encode(response));
    expect(line).not.toContain('\n');
    expect(JSON.parse(line)).toEqual({ reasoning_delta: { text: 'a\nb', redacted_data: '//4=' } });
  });
});
