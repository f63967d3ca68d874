import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EmbedRequest, GenerateRequest } from '../../../src/gen/tollgate/v1/generate_service.ts';
import { Message, Part, Role } from '../../../src/gen/tollgate/v1/content.ts';
import { reasoningDelta, textDelta, toolCallDelta } from '../../../src/plugins/provider.ts';
import { answerMeter } from '../../../src/daemon/usage/prices/answer-meter.ts';
import { crashEstimate } from '../../../src/daemon/usage/prices/crash-estimate.ts';
import { costOf } from '../../../src/daemon/usage/prices/cost-of.ts';
import { estimateUsage } from '../../../src/daemon/usage/prices/estimate-usage.ts';
import { FREE } from '../../../src/daemon/usage/prices/price.ts';
import { embedSize, generateSize, inputTokens } from '../../../src/daemon/usage/prices/request-size.ts';
import { upperBound } from '../../../src/daemon/usage/prices/upper-bound.ts';
import { priceFrom } from './price-rates.ts';

const part = (of: NonNullable<Part['part']>): Part => Part.fromPartial({ part: of });
const says = (...parts: Part[]): Message => Message.fromPartial({ role: Role.USER, parts });
const ask = (text: string): GenerateRequest => GenerateRequest.fromPartial({ messages: [says(part({ $case: 'text', value: text }))] });
const sizeOf = (text: string) => generateSize(ask(text));

describe('the size of a request', () => {
  it('is everything in it that a provider may bill', () => {
    const size = generateSize(
      GenerateRequest.fromPartial({
        messages: [
          says(part({ $case: 'text', value: 'äöü' }), part({ $case: 'image', value: { source: { $case: 'data', value: Buffer.alloc(5000) }, mediaType: 'image/png' } })),
          says(part({ $case: 'toolCall', value: { id: 'x', name: 'tool', argumentsJson: '{}' } }), part({ $case: 'refusal', value: 'no' })),
          says(part({ $case: 'toolResult', value: { toolCallId: 'x', content: 'result', isError: false } })),
          { role: Role.ASSISTANT, parts: [{ ...part({ $case: 'reasoning', value: { text: 'hm', signature: 'sign', redactedData: Buffer.alloc(7), providerType: '' } }), providerMetadataJson: { a: '{"b":1}' } }] },
        ],
        tools: [{ name: 'tool', description: 'does', parametersJson: '{"type":"object"}' }],
        responseFormat: { format: { $case: 'jsonSchema', value: { name: 'answer', schemaJson: '{}', strict: true } } },
        providerOptionsJson: { openai: '{"x":1}' },
      }),
    );
    expect(size).toEqual({ bytes: 6 + 4 + 2 + 2 + 6 + 2 + 4 + 7 + 7 + (4 + 4 + 17) + (6 + 2) + 7, characters: 3 + 2 + 6, pieces: 4, tools: 1, images: 1 });
  });

  it('of texts to embed is theirs', () => {
    expect(embedSize(EmbedRequest.fromPartial({ inputs: ['abc', 'dé'] }))).toEqual({ bytes: 6, characters: 5, pieces: 2, tools: 0, images: 0 });
  });

  it('is taken in far less time than the request takes to arrive', () => {
    const request = ask('Ünïcödé text. '.repeat(1_000_000));
    const began = performance.now();
    expect(generateSize(request).bytes).toBe(18_000_000);
    expect(performance.now() - began).toBeLessThan(500);
  });
});

describe('the upper bound of a call', () => {
  it('holds half the bytes, what providers add, and the most that may be answered', () => {
    const { high } = inputTokens(sizeOf('x'.repeat(10_000)));
    expect(high).toBe(5000n + 256n + 16n);
    const bound = upperBound({ size: sizeOf('x'.repeat(10_000)), maxOutputTokens: 100, candidates: [{ price: priceFrom({ input: 3, output: 15 }), maxOutputTokens: 64_000n }] });
    expect(bound).toEqual({ tokens: high + 100n, picoUsd: high * 3_000_000n + 100n * 15_000_000n, inputTokens: high, outputTokens: 100n });
  });

  it('takes each token at its dearest bucket and tier', () => {
    const size = sizeOf('x'.repeat(500_000));
    const price = priceFrom({ input: { base: 3, tiers: [[200_000, 6], [900_000, 60]] }, cacheRead: 0.3, cacheCreation: 3.75, cacheCreation1h: 6.5, output: { base: 30, tiers: [[200_000, 10]] }, reasoning: 25, request: '0.25' });
    const { high } = inputTokens(size);
    expect(upperBound({ size, maxOutputTokens: 10, candidates: [{ price, maxOutputTokens: undefined }] }).picoUsd).toBe(high * 6_500_000n + 10n * 30_000_000n + 250_000_000_000n);
  });

  it("takes the model's own limit where the request has none, or a higher one", () => {
    const outputOf = (maxOutputTokens: number | undefined, known: bigint | undefined): bigint => upperBound({ size: sizeOf('hi'), maxOutputTokens, candidates: [{ price: FREE, maxOutputTokens: known }] }).outputTokens;
    expect([outputOf(undefined, 8192n), outputOf(100_000, 8192n), outputOf(100, 8192n), outputOf(100_000, undefined), outputOf(undefined, undefined), outputOf(undefined, 0n)]).toEqual([8192n, 8192n, 100n, 100_000n, 16_384n, 16_384n]);
  });

  it('is that of the dearest attempt, and not known when one price is not', () => {
    const size = sizeOf('hi');
    const cheap = { price: priceFrom({ input: 1, output: 1 }), maxOutputTokens: 1000n };
    const dear = { price: priceFrom({ input: 10, output: 10 }), maxOutputTokens: 10n };
    const bound = upperBound({ size, maxOutputTokens: undefined, candidates: [cheap, dear, { price: FREE, maxOutputTokens: 5n }] });
    expect(bound.tokens).toBe(bound.inputTokens + 1000n);
    expect(bound.picoUsd).toBe((bound.inputTokens + 10n) * 10_000_000n);
    expect(upperBound({ size, maxOutputTokens: 5, candidates: [cheap, { price: undefined, maxOutputTokens: 5n }] }).picoUsd).toBeUndefined();
    expect(upperBound({ size, maxOutputTokens: 5, candidates: [{ price: priceFrom({ input: 1 }), maxOutputTokens: 5n }] }).picoUsd).toBeUndefined();
    expect(upperBound({ size, maxOutputTokens: 5, candidates: [{ price: FREE, maxOutputTokens: 5n }] }).picoUsd).toBe(0n);
  });

  it('of an embedding has no output', () => {
    const size = embedSize(EmbedRequest.fromPartial({ inputs: ['a', 'b'] }));
    const { high } = inputTokens(size);
    expect(upperBound({ size, maxOutputTokens: undefined, isEmbedding: true, candidates: [{ price: priceFrom({ input: 1 }), maxOutputTokens: undefined }] })).toEqual({ tokens: high, picoUsd: high * 1_000_000n, inputTokens: high, outputTokens: 0n });
  });

  it('is never below what a call within it costs', () => {
    const dollars = fc.integer({ min: 0, max: 100_000 }).map((thousandths) => thousandths / 1000);
    const prices = fc.record({ input: dollars, cacheRead: dollars, cacheCreation: dollars, cacheCreation1h: dollars, output: dollars, reasoning: dollars }, { requiredKeys: ['input', 'output'] });
    const share = fc.integer({ min: 0, max: 100 }).map(BigInt);
    fc.assert(
      fc.property(prices, fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 1, max: 5000 }), share, share, share, share, (rates, length, limit, a, b, c, d) => {
        const price = priceFrom(rates);
        const bound = upperBound({ size: sizeOf('x'.repeat(length)), maxOutputTokens: limit, candidates: [{ price, maxOutputTokens: undefined }] });
        const inputs = (bound.inputTokens * a) / 100n;
        const read = (inputs * b) / 100n;
        const created = ((inputs - read) * c) / 100n;
        const usage = { inputTokens: inputs, cacheReadInputTokens: read, cacheCreationInputTokens: created, cacheCreation1hInputTokens: (created * d) / 100n, outputTokens: BigInt(limit), reasoningOutputTokens: (BigInt(limit) * a) / 100n };
        expect(costOf(usage, price).expectedPicoUsd! <= bound.picoUsd!).toBe(true);
      }),
    );
  });
});

describe('the meter of an answer', () => {
  it('counts text, thoughts and calls as they stream', () => {
    const meter = answerMeter();
    expect(meter.outputTokens).toBe(0);
    meter.add({ $case: 'started', value: { ignoredFields: [] } });
    meter.add(textDelta({ part: 0, text: 'Grüße', refusal: false, providerMetadataJson: {} }));
    meter.add(reasoningDelta({ part: 1, text: 'hmm', signature: 's', redactedData: Buffer.alloc(0), providerMetadataJson: {} }));
    for (const [index, fragment] of [[0, '{"a"'], [0, ':1}'], [1, '{}']] as const) {
      meter.add(toolCallDelta({ part: 2 + index, index, id: `c${index}`, name: fragment === ':1}' ? '' : 'f', argumentsJsonFragment: fragment, providerMetadataJson: {} }));
    }
    expect(meter.seen).toEqual({ textBytes: 7 + 1 + 4 + 3 + 1 + 2, textCharacters: 5 + 1 + 4 + 3 + 1 + 2, reasoningBytes: 3, toolCalls: 2 });
    expect(meter.outputTokens).toBe(Math.ceil(21 / 4) + 24);
  });

  it('counts calls that come in turns once each', () => {
    const meter = answerMeter();
    for (const index of [0, 1, 0, 1]) meter.add(toolCallDelta({ part: index, index, id: '', name: '', argumentsJsonFragment: '1', providerMetadataJson: {} }));
    expect(meter.seen.toolCalls).toBe(2);
  });
});

describe('the estimate of a call that was cut off', () => {
  const seen = (text: string, reasoning = '') => {
    const meter = answerMeter();
    if (text !== '') meter.add(textDelta({ part: 0, text, refusal: false, providerMetadataJson: {} }));
    if (reasoning !== '') meter.add(reasoningDelta({ part: 1, text: reasoning, signature: '', redactedData: Buffer.alloc(0), providerMetadataJson: {} }));
    return meter.seen;
  };

  it('reaches up to the limit of the answer, where thoughts may have been hidden', () => {
    const { input, output, expected } = estimateUsage(seen('x'.repeat(400)), sizeOf('y'.repeat(4000)), { outputLimit: 9000n });
    expect(output).toEqual({ low: 50n, expected: 100n, high: 9000n });
    expect(input).toEqual({ low: 500n, expected: 1004n, high: 2272n });
    expect(expected).toEqual({ inputTokens: 1004n, outputTokens: 100n });
    expect(estimateUsage(seen('x'), sizeOf('y')).output.high).toBeUndefined();
    expect(estimateUsage(seen('x'.repeat(400)), sizeOf('y'), { outputLimit: 9000n, hidesNothing: true }).output.high).toBe(432n);
  });

  it('does not take a summary of thoughts for what was billed at least', () => {
    expect(estimateUsage(seen('', 'z'.repeat(800)), sizeOf('y'), { outputLimit: 500n }).output).toEqual({ low: 0n, expected: 200n, high: 832n });
  });

  it('may be nothing when nothing had come', () => {
    const { input, output } = estimateUsage(seen(''), sizeOf('y'.repeat(4000)), { outputLimit: 10n });
    expect(input.low).toBe(0n);
    expect(output.low).toBe(0n);
  });

  it("keeps the provider's own counts", () => {
    const { input, expected } = estimateUsage(seen('x'.repeat(40)), sizeOf('y'), { reported: { inputTokens: 77n, cacheReadInputTokens: 70n, outputTokens: 3n } });
    expect(input).toEqual({ low: 77n, expected: 77n, high: 77n });
    expect(expected).toEqual({ inputTokens: 77n, cacheReadInputTokens: 70n, outputTokens: 10n });
    expect(estimateUsage(seen('x'), sizeOf('y'), { reported: { outputTokens: 30n } }).expected.outputTokens).toBe(30n);
  });
});

describe('the estimate of a call that a crash cut short', () => {
  it('lies between the last checkpoint and the bound that was reserved', () => {
    const bound = upperBound({ size: sizeOf('y'.repeat(4000)), maxOutputTokens: 500, candidates: [{ price: FREE, maxOutputTokens: undefined }] });
    expect(crashEstimate(60, bound)).toEqual({ input: { low: 0n, expected: 1136n, high: 2272n }, output: { low: 30n, expected: 60n, high: 500n } });
    expect(crashEstimate(900, bound).output).toEqual({ low: 450n, expected: 900n, high: 900n });
    expect(crashEstimate(0, { tokens: 100n, picoUsd: undefined })).toEqual({ input: { low: 0n, expected: 50n, high: 100n }, output: { low: 0n, expected: 0n, high: 100n } });
  });

  it('has a cost from nothing to the bound', () => {
    const price = priceFrom({ input: 1, output: 10 });
    const bound = upperBound({ size: sizeOf('y'.repeat(4000)), maxOutputTokens: 500, candidates: [{ price, maxOutputTokens: undefined }] });
    expect(costOf(undefined, price, { estimate: crashEstimate(0, bound) })).toMatchObject({ lowPicoUsd: 0n, expectedPicoUsd: 1_136_000_000n, highPicoUsd: bound.picoUsd });
  });
});
