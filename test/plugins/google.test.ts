import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FinishReason } from '../../src/gen/tollgate/v1/content.ts';
import { google } from '../../src/plugins/google.ts';
import { ErrorClass } from '../../src/plugins/provider.ts';
import { expectOrder } from '../answer-contract.ts';
import { sse } from '../ask-provider.ts';
import { collectAnswer, providerErrorOf, type CollectedAnswer } from '../collect-answer.ts';
import { generateRequest } from '../generate-request.ts';
import { mockUpstream, type MockAnswer, type MockUpstream } from '../mock-upstream.ts';
import { testProvider } from '../provider-contract.ts';
import { providerFixture } from '../provider-fixture.ts';

testProvider({
  provider: google,
  model: 'gemini-2.5-flash',
  upstream: {
    text: {
      answer: providerFixture('google/text.sse'),
      text: 'Grüße, 世界!',
      usage: { inputTokens: 9n, outputTokens: 26n, cacheReadInputTokens: 4n, reasoningOutputTokens: 20n },
    },
    withoutUsage: { answer: providerFixture('google/without-usage.sse') },
    toolCall: {
      answer: providerFixture('google/tool-call.sse'),
      calls: [{ name: 'weather', arguments: { city: 'Zürich' } }, { name: 'time', arguments: {} }],
    },
    error: { answer: providerFixture('google/error.json', { status: 400 }), errorClass: ErrorClass.INVALID_REQUEST },
    rateLimit: { answer: providerFixture('google/rate-limit.json', { status: 429 }), retryAfterMs: 34_000 },
    streamError: { answer: providerFixture('google/stream-error.sse'), errorClass: ErrorClass.OVERLOADED },
  },
});

interface ChunkFields {
  readonly finishReason?: string;
  readonly usageMetadata?: unknown;
  readonly index?: number;
}

const chunk = (parts: readonly unknown[], { usageMetadata, ...candidate }: ChunkFields = {}): unknown => ({
  candidates: [{ content: { role: 'model', parts }, ...candidate }],
  usageMetadata,
  modelVersion: 'gemini-2.5-flash',
  responseId: 'resp-9',
});
const says = (text: string, fields?: ChunkFields): unknown => chunk([{ text }], fields);
const call = (name: string, args: unknown, more: object = {}): unknown => ({ functionCall: { name, args, ...more } });

describe('an answer of Gemini', () => {
  let mock: MockUpstream;
  beforeAll(async () => {
    mock = await mockUpstream();
  });
  afterAll(() => mock.close());
  const answered = (answer: MockAnswer): Promise<CollectedAnswer> => {
    mock.answer(answer);
    return collectAnswer(google.generate(generateRequest({ baseUrl: mock.url, key: 'AIzaTest', model: 'gemini-2.5-flash' }), { signal: AbortSignal.timeout(15_000) }));
  };

  test('keeps every signature on the very part that it came on', async () => {
    const answer = await answered(providerFixture('google/signatures.sse'));
    expect(answer.error).toBeUndefined();
    expectOrder(answer);
    expect(answer.parts.map(({ kind, text, metadata }) => [kind, text, metadata?.['google']])).toEqual([
      ['reasoning', 'First. Second.', undefined],
      ['reasoning', '', '{"thoughtSignature":"dGhvdWdodA=="}'],
      ['text', 'One two', undefined],
      ['text', ' three.', '{"thoughtSignature":"dGV4dA+/=="}'],
      ['toolCall', '{"id":1}', '{"thoughtSignature":"Y2FsbA=="}'],
      ['text', '', '{"thoughtSignature":"bGFzdA=="}'],
    ]);
    expect(answer.toolCalls).toEqual([{ id: 'call-7', name: 'weather', arguments: '{"id":1}' }]);
    expect(answer.finish).toMatchObject({ finishReason: FinishReason.TOOL_CALL, rawFinishReason: 'STOP', responseModel: 'gemini-3-flash-preview', providerRequestId: 'resp-1' });
  });

  test('has several calls in one event, each with an id of its own', async () => {
    const answer = await answered(providerFixture('google/tool-call.sse'));
    expect(answer.parts.map(({ kind, index, name, text, metadata }) => [kind, index, name, text, metadata])).toEqual([
      ['reasoning', undefined, undefined, 'Two calls.', undefined],
      ['toolCall', 0, 'weather', '{"city":"Zürich"}', { google: '{"thoughtSignature":"c2lnbmVk+/8="}' }],
      ['toolCall', 1, 'time', '{}', undefined],
    ]);
    expect(new Set(answer.toolCalls.map(({ id }) => id)).size).toBe(2);
    expect(answer.finish).toMatchObject({ finishReason: FinishReason.TOOL_CALL, usage: { inputTokens: 40n, outputTokens: 30n, reasoningOutputTokens: 12n } });
  });

  test('tells two calls of one tool apart', async () => {
    const answer = await answered(sse(chunk([call('add', { a: 1 }), call('add', { a: 2 })]), chunk([call('add', { a: 3 })], { finishReason: 'STOP' })));
    expect(answer.toolCalls.map(({ arguments: json }) => json)).toEqual(['{"a":1}', '{"a":2}', '{"a":3}']);
  });

  test('keeps numbers in arguments as they are written', async () => {
    const event = '{"candidates":[{"content":{"parts":[{"functionCall":{"name":"get","args":{"id":12345678901234567890,"rate":1.0,"n":-7,"text":"1.0"}}}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3}}';
    for (const body of [`data: ${event}\r\n\r\n`, event]) {
      const answer = await answered({ body });
      expect(answer.toolCalls[0]?.arguments).toBe('{"id":12345678901234567890,"rate":1.0,"n":-7,"text":"1.0"}');
      expect(answer.finish?.usage).toEqual({ inputTokens: 3n });
    }
  });

  test.each([
    ['STOP', FinishReason.STOP],
    ['MAX_TOKENS', FinishReason.LENGTH],
    ['SAFETY', FinishReason.CONTENT_FILTER],
    ['RECITATION', FinishReason.CONTENT_FILTER],
    ['BLOCKLIST', FinishReason.CONTENT_FILTER],
    ['PROHIBITED_CONTENT', FinishReason.CONTENT_FILTER],
    ['SPII', FinishReason.CONTENT_FILTER],
    ['IMAGE_SAFETY', FinishReason.CONTENT_FILTER],
    ['MODEL_ARMOR', FinishReason.CONTENT_FILTER],
    ['SOMETHING_NEW', FinishReason.OTHER],
  ])('ends with %s, mapped and raw', async (raw, finishReason) => {
    const { finish } = await answered(sse(says('x'), chunk([], { finishReason: raw })));
    expect(finish).toMatchObject({ finishReason, rawFinishReason: raw });
  });

  test.each([
    ['MALFORMED_FUNCTION_CALL', ErrorClass.INVALID_RESPONSE],
    ['UNEXPECTED_TOOL_CALL', ErrorClass.INVALID_RESPONSE],
    ['LANGUAGE', ErrorClass.INVALID_RESPONSE],
    ['OTHER', ErrorClass.INVALID_RESPONSE],
    ['MISSING_THOUGHT_SIGNATURE', ErrorClass.INVALID_REQUEST],
  ])('fails when it ends with %s, with what was used', async (word, errorClass) => {
    const last = { candidates: [{ finishReason: word, finishMessage: 'Because AIzaTest.' }], usageMetadata: { promptTokenCount: 7 } };
    const answer = await answered(sse(says('x'), last));
    expect(answer.text).toBe('x');
    const error = providerErrorOf(answer);
    expect({ class: error.errorClass, code: error.code, message: error.message, usage: error.usage }).toEqual({
      class: errorClass,
      code: word,
      message: `Gemini ended the answer with ${word}: Because [key removed].`,
      usage: { inputTokens: 7n },
    });
  });

  test('is filtered when the prompt was blocked, in a stream and whole', async () => {
    const blocked = { promptFeedback: { blockReason: 'PROHIBITED_CONTENT' }, usageMetadata: { promptTokenCount: 8, totalTokenCount: 8 }, modelVersion: 'gemini-2.5-flash' };
    for (const answer of [await answered(sse(blocked)), await answered({ body: JSON.stringify(blocked) })]) {
      expect(answer.error).toBeUndefined();
      expect(answer.order).toEqual(['started', 'finish']);
      expect(answer.finish).toMatchObject({ finishReason: FinishReason.CONTENT_FILTER, rawFinishReason: 'PROHIBITED_CONTENT', usage: { inputTokens: 8n } });
    }
  });

  test('is cut off when no finish reason came, with what was used', async () => {
    const answer = await answered(sse(says('Half', { usageMetadata: { promptTokenCount: 5, totalTokenCount: 5 } })));
    expect(answer.text).toBe('Half');
    const error = providerErrorOf(answer);
    expect({ class: error.errorClass, usage: error.usage }).toEqual({ class: ErrorClass.TRUNCATED, usage: { inputTokens: 5n } });
  });

  test('goes on after a finish reason in its middle, and is cut off when it ends there', async () => {
    const early = says('', { finishReason: 'STOP' });
    const whole = await answered(sse(early, says('One'), says(' two.', { finishReason: 'STOP' }), says('', { usageMetadata: { promptTokenCount: 2 } })));
    expect(whole.error).toBeUndefined();
    expect([whole.text, whole.finish?.usage]).toEqual(['One two.', { inputTokens: 2n }]);
    const cut = await answered(sse(early, says('One')));
    expect(providerErrorOf(cut).errorClass).toBe(ErrorClass.TRUNCATED);
  });

  test('reads the first candidate only', async () => {
    const other = { candidates: [{ index: 1, content: { parts: [{ text: 'no' }] }, finishReason: 'SAFETY' }] };
    const answer = await answered(sse(other, says('yes', { index: 0, finishReason: 'STOP' }), other));
    expect([answer.text, answer.finish?.finishReason]).toEqual(['yes', FinishReason.STOP]);
  });

  test('is read when it comes as one JSON body, or as the list of them', async () => {
    const pieces = [says('One'), chunk([{ text: ' two.' }], { finishReason: 'MAX_TOKENS', usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 2 } })];
    for (const body of [JSON.stringify(pieces), JSON.stringify(chunk([{ text: 'One' }, { text: ' two.' }], { finishReason: 'MAX_TOKENS', usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 2 } }))]) {
      const answer = await answered({ headers: { 'content-type': 'application/json' }, body });
      expect(answer.error).toBeUndefined();
      expect(answer.parts.map(({ kind, text }) => [kind, text])).toEqual([['text', 'One two.']]);
      expect(answer.finish).toMatchObject({ finishReason: FinishReason.LENGTH, usage: { inputTokens: 1n, outputTokens: 2n } });
    }
    expect(providerErrorOf(await answered({ body: '[{"candidates":[{"conte' })).errorClass).toBe(ErrorClass.TRUNCATED);
    expect(providerErrorOf(await answered({ body: '{"hello":"world"}' })).errorClass).toBe(ErrorClass.INVALID_RESPONSE);
  });

  test('fails on an event that is not JSON when another one follows', async () => {
    const answer = await answered(sse(says('x'), '{"candidates": nonsense', says('y', { finishReason: 'STOP' })));
    expect(providerErrorOf(answer).errorClass).toBe(ErrorClass.INVALID_RESPONSE);
  });

  test("keeps what Google's own tools did, to be sent back whole", async () => {
    const code = { executableCode: { language: 'PYTHON', code: 'print(1)' }, thoughtSignature: 'c2ln' };
    const outcome = { codeExecutionResult: { outcome: 'OUTCOME_OK', output: '1\n' } };
    const answer = await answered(sse(chunk([{ text: 'Run:' }, code, outcome, { text: ' 1.' }], { finishReason: 'STOP' })));
    expect(answer.parts.map(({ kind, text, metadata }) => [kind, text, metadata === undefined ? undefined : JSON.parse(metadata['google'] ?? '')])).toEqual([
      ['text', 'Run:', undefined],
      ['text', '', { part: code }],
      ['text', '', { part: outcome }],
      ['text', ' 1.', undefined],
    ]);
    expect(answer.finish?.finishReason).toBe(FinishReason.STOP);
  });

  test('says so when it holds a picture that is too large to be passed on', async () => {
    const picture = { inlineData: { mimeType: 'image/png', data: 'A'.repeat(1024 * 1024) } };
    const error = providerErrorOf(await answered(sse(chunk([picture], { finishReason: 'STOP' }))));
    expect(error.errorClass).toBe(ErrorClass.INVALID_RESPONSE);
    expect(error.message).toBe('the answer holds inlineData that is too large to be passed on: ask this model for text only');
  });
});

describe('the usage of Gemini', () => {
  test.each<[string, unknown, unknown]>([
    ['counts what its tools found as input', { promptTokenCount: 10, toolUsePromptTokenCount: 5, candidatesTokenCount: 2, totalTokenCount: 17 }, { inputTokens: 15n, outputTokens: 2n }],
    ['counts thoughts as output when nothing else was written', { promptTokenCount: 10, thoughtsTokenCount: 95, totalTokenCount: 105 }, { inputTokens: 10n, outputTokens: 95n, reasoningOutputTokens: 95n }],
    ['says nothing of output when Google does not', { promptTokenCount: 10, totalTokenCount: 10 }, { inputTokens: 10n }],
    ['is unset when there are no counts', { trafficType: 'ON_DEMAND' }, undefined],
    [
      'tells sounds and pictures apart',
      { promptTokenCount: 300, candidatesTokenCount: 1300, promptTokensDetails: [{ modality: 'TEXT', tokenCount: 44 }, { modality: 'AUDIO', tokenCount: 256 }], candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 1290 }] },
      { inputTokens: 300n, outputTokens: 1300n, audioInputTokens: 256n, imageOutputTokens: 1290n },
    ],
  ])('%s', async (_what, usageMetadata, usage) => {
    await using mock = await mockUpstream(sse(says('x', { finishReason: 'STOP', usageMetadata })));
    const answer = await collectAnswer(google.generate(generateRequest({ baseUrl: mock.url, key: 'k', model: 'gemini-2.5-flash' }), { signal: AbortSignal.timeout(15_000) }));
    expect(answer.finish?.usage).toEqual(usage);
  });
});
