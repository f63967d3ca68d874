import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeResponse } from '../../src/daemon/server/encode-response.ts';
import { GenerateResponse } from '../../src/gen/tollgate/v1/generate_service.ts';

const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ unit: 'grapheme' }), fc.constantFrom('', '\ud800', 'a\udfff\u0000', 'x'.repeat(20_000)));

it('a piece of text is written to the bytes that the generated code writes', () => {
  fc.assert(
    fc.property(
      fc.record({
        seq: fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }),
        part: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2 ** 31 - 1 })),
        text,
        refusal: fc.boolean(),
        providerMetadataJson: fc.constantFrom({}, { openai: '{"a":1}' }),
      }),
      ({ seq, ...value }) => {
        const response: GenerateResponse = { seq, event: { $case: 'textDelta', value } };
        expect(encodeResponse(response).equals(GenerateResponse.encode(response).finish())).toBe(true);
      },
    ),
    { numRuns: 2000 },
  );
});

it('every other event is written as the generated code writes it', () => {
  const response: GenerateResponse = { seq: 3n, event: { $case: 'attemptFailed', value: { attempt: 1, provider: 'openai', model: 'm', reason: 'RATE_LIMITED', message: 'slow down', retryAfter: undefined } } };
  expect(GenerateResponse.decode(encodeResponse(response))).toEqual(response);
});
