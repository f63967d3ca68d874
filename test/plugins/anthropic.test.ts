import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CheckKeyResponse_Verdict as Verdict } from '../../src/gen/tollgate/provider/v1/provider_service.ts';
import { FinishReason } from '../../src/gen/tollgate/v1/content.ts';
import { anthropic } from '../../src/plugins/anthropic.ts';
import { ErrorClass } from '../../src/plugins/provider.ts';
import { expectOrder } from '../answer-contract.ts';
import { collectAnswer, providerErrorOf, type CollectedAnswer } from '../collect-answer.ts';
import { generateRequest } from '../generate-request.ts';
import { mockUpstream, type MockAnswer, type MockUpstream } from '../mock-upstream.ts';
import { testProvider } from '../provider-contract.ts';
import { providerFixture } from '../provider-fixture.ts';

testProvider({
  provider: anthropic,
  upstream: {
    text: {
      answer: providerFixture('anthropic/text.sse'),
      text: 'Grüße, 世界!',
      usage: { inputTokens: 12n, outputTokens: 6n, cacheReadInputTokens: 2n, cacheCreationInputTokens: 3n },
    },
    withoutUsage: { answer: providerFixture('anthropic/without-usage.sse') },
    toolCall: {
      answer: providerFixture('anthropic/tool-call.sse'),
      calls: [{ name: 'weather', arguments: { city: 'Zürich' } }, { name: 'time', arguments: {} }],
    },
    error: { answer: providerFixture('anthropic/error.json', { status: 400 }), errorClass: ErrorClass.INVALID_REQUEST },
    rateLimit: { answer: providerFixture('anthropic/rate-limit.json', { status: 429, headers: { 'retry-after': '23' } }), retryAfterMs: 23_000 },
    streamError: { answer: providerFixture('anthropic/stream-error.sse'), errorClass: ErrorClass.OVERLOADED },
  },
});

const signal = (): AbortSignal => AbortSignal.timeout(15_000);
const key = 'sk-ant-api03-0123456789';

/** An answer of the given events, one `data:` each. */
const streamOf = (...events: readonly unknown[]): MockAnswer => ({
  headers: { 'content-type': 'text/event-stream' },
  body: events.map((event) => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`).join(''),
});
const start = (id: string, usage: unknown = { input_tokens: 10, output_tokens: 1 }) => ({ type: 'message_start', message: { id, model: 'claude-haiku-4-5', content: [], usage } });
const textBlock = (index: number, text: string) => [
  { type: 'content_block_start', index, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index, delta: { type: 'text_delta', text } },
  { type: 'content_block_stop', index },
];
const end = (stopReason: string, usage: unknown = { output_tokens: 5 }) => [{ type: 'message_delta', delta: { stop_reason: stopReason }, usage }, { type: 'message_stop' }];

describe('an answer of Anthropic', () => {
  let mock: MockUpstream;
  beforeAll(async () => {
    mock = await mockUpstream();
  });
  afterAll(() => mock.close());
  const answered = (answer: MockAnswer): Promise<CollectedAnswer> => {
    mock.answer(answer);
    return collectAnswer(anthropic.generate(generateRequest({ baseUrl: mock.url, key, model: 'claude-haiku-4-5' }), { signal: signal() }));
  };

  test('keeps thoughts apart, with signatures and hidden thoughts byte for byte', async () => {
    const answer = await answered(providerFixture('anthropic/thinking.sse'));
    expect(answer.error).toBeUndefined();
    expectOrder(answer);
    expect(answer.parts.map(({ kind, text, signature, redactedData }) => [kind, text, signature ?? '', redactedData?.toString('utf8') ?? ''])).toEqual([
      ['reasoning', 'First thought', 'c2lnbmVk+/==', ''],
      ['reasoning', '', '', 'aGlkZGVu+/not-canonical='],
      ['reasoning', '', '', 'bW9yZQ=='],
      ['text', 'Done.', '', ''],
    ]);
  });

  test('counts thoughts and what the cache keeps for an hour', async () => {
    const { finish } = await answered(providerFixture('anthropic/thinking.sse'));
    expect(finish?.usage).toEqual({
      inputTokens: 130n,
      outputTokens: 50n,
      cacheReadInputTokens: 0n,
      cacheCreationInputTokens: 100n,
      cacheCreation1hInputTokens: 60n,
      reasoningOutputTokens: 44n,
    });
  });

  test('does not take the tools that Anthropic runs for calls of the caller', async () => {
    const answer = await answered(providerFixture('anthropic/web-search.sse'));
    expectOrder(answer);
    expect(answer.toolCalls).toEqual([]);
    expect(answer.text).toBe('It is version 9.');
    expect(answer.finish).toMatchObject({ finishReason: FinishReason.STOP, usage: { inputTokens: 900n, outputTokens: 30n, webSearchRequests: 1n } });
    expect(answer.parts.map(({ kind, text, metadata }) => [kind, text, metadata === undefined ? undefined : JSON.parse(metadata['anthropic'] ?? '')])).toEqual([
      ['text', '', { block: { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'latest release' } } }],
      ['text', '', { block: { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [{ type: 'web_search_result', title: 'Releases', url: 'https://example.org/', encrypted_content: 'ZW5jcnlwdGVk' }] } }],
      ['text', 'It is version 9', { citations: [{ type: 'web_search_result_location', url: 'https://example.org/', cited_text: 'Version 9', encrypted_index: 'aW5kZXg=' }] }],
      ['text', '.', undefined],
    ]);
  });

  test('is read whole when it comes as one JSON body', async () => {
    const answer = await answered(providerFixture('anthropic/whole.json'));
    expect(answer.error).toBeUndefined();
    expectOrder(answer);
    expect(answer.parts.map(({ kind, text, signature }) => [kind, text, signature])).toEqual([
      ['reasoning', 'Hm.', 'c2ln'],
      ['text', 'Rolling.', undefined],
      ['toolCall', '{"sides":6}', undefined],
    ]);
    expect(answer.finish).toMatchObject({
      finishReason: FinishReason.TOOL_CALL,
      rawFinishReason: 'tool_use',
      responseModel: 'claude-haiku-4-5',
      usage: { inputTokens: 2066n, outputTokens: 25n, cacheReadInputTokens: 2055n, cacheCreationInputTokens: 0n },
    });
  });

  test.each([
    ['end_turn', FinishReason.STOP],
    ['stop_sequence', FinishReason.STOP],
    ['max_tokens', FinishReason.LENGTH],
    ['model_context_window_exceeded', FinishReason.LENGTH],
    ['tool_use', FinishReason.TOOL_CALL],
    ['pause_turn', FinishReason.PAUSE],
    ['compaction', FinishReason.PAUSE],
    ['refusal', FinishReason.CONTENT_FILTER],
    ['something_new', FinishReason.OTHER],
  ])('ends with %s, mapped and raw', async (raw, finishReason) => {
    const { finish } = await answered(streamOf(start('a'), ...textBlock(0, 'x'), ...end(raw)));
    expect(finish).toMatchObject({ finishReason, rawFinishReason: raw });
  });

  test('names the request by the header that the support asks for', async () => {
    const { finish } = await answered({ ...streamOf(start('a'), ...textBlock(0, 'x'), ...end('end_turn')), headers: { 'request-id': 'req_42' } });
    expect(finish?.providerRequestId).toBe('req_42');
  });

  test('takes a later count for an earlier one, and keeps a count that is not said again', async () => {
    const first = { input_tokens: 43, cache_read_input_tokens: 5, output_tokens: 1 };
    const { finish } = await answered(streamOf(start('a', first), ...textBlock(0, 'x'), ...end('end_turn', { input_tokens: 61, cache_read_input_tokens: null, output_tokens: 2 })));
    expect(finish?.usage).toEqual({ inputTokens: 66n, outputTokens: 2n, cacheReadInputTokens: 5n });
  });

  test('passes over events, blocks and deltas of kinds that nobody knows yet', async () => {
    const answer = await answered(
      streamOf(
        start('a'),
        { type: 'weather_report', sun: true },
        '',
        { type: 'content_block_start', index: 0, content_block: { type: 'text', text: 'o' } },
        { type: 'content_block_delta', index: 0, delta: { type: 'smell_delta', smell: 'rose' } },
        { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'k' } },
        { type: 'content_block_stop', index: 0 },
        ...end('end_turn'),
        '[DONE]',
      ),
    );
    expect(answer.error).toBeUndefined();
    expect(answer.text).toBe('ok');
  });

  test('does not double anything when the first event comes twice', async () => {
    const answer = await answered(streamOf(start('a'), start('a'), ...textBlock(0, 'once'), ...end('end_turn')));
    expect(answer.text).toBe('once');
    expect(answer.finish?.usage).toEqual({ inputTokens: 10n, outputTokens: 5n });
  });

  test('starts again when another message begins before anything was told', async () => {
    const answer = await answered(streamOf(start('a'), start('b', { input_tokens: 3, output_tokens: 1 }), ...textBlock(0, 'second'), ...end('end_turn')));
    expect(answer.text).toBe('second');
    expect(answer.finish?.usage).toEqual({ inputTokens: 3n, outputTokens: 5n });
  });

  test('fails as truncated when another message begins in its middle', async () => {
    const answer = await answered(streamOf(start('a'), ...textBlock(0, 'first'), start('b'), ...textBlock(0, 'second'), ...end('end_turn')));
    expect(answer.text).toBe('first');
    const error = providerErrorOf(answer);
    expect({ class: error.errorClass, usage: error.usage }).toEqual({ class: ErrorClass.TRUNCATED, usage: { inputTokens: 10n, outputTokens: 1n } });
  });

  test('is over at its last event, whatever follows', async () => {
    const answer = await answered(streamOf(start('a'), ...textBlock(0, 'first'), ...end('end_turn'), start('b'), ...textBlock(0, 'second'), ...end('max_tokens')));
    expect(answer.text).toBe('first');
    expect(answer.finish?.rawFinishReason).toBe('end_turn');
  });

  test.each(['cut', 'hold'] as const)('is whole when the connection does not end well behind its end: %s', async (ending) => {
    const answer = await answered({ ...providerFixture('anthropic/text.sse'), ending });
    expect(answer.error).toBeUndefined();
    expect(answer.text).toBe('Grüße, 世界!');
  });

  test('says what it used until the connection broke', async () => {
    const { body } = providerFixture('anthropic/text.sse');
    const error = providerErrorOf(await answered({ body: body.subarray(0, 600), ending: 'cut' }));
    expect({ class: error.errorClass, usage: error.usage }).toEqual({
      class: ErrorClass.TRUNCATED,
      usage: { inputTokens: 12n, outputTokens: 1n, cacheReadInputTokens: 2n, cacheCreationInputTokens: 3n },
    });
  });

  test('names a program of Anthropic that makes a call, so that it can go back', async () => {
    const caller = { type: 'code_execution_20260120', tool_id: 'srvtoolu_1' };
    const block = { type: 'tool_use', id: 'toolu_1', name: 'roll', input: { player: 1 }, caller };
    const answer = await answered(streamOf(start('a'), { type: 'content_block_start', index: 0, content_block: block }, { type: 'content_block_stop', index: 0 }, ...end('tool_use')));
    expect(answer.parts).toMatchObject([{ kind: 'toolCall', text: '{"player":1}', metadata: { anthropic: JSON.stringify({ caller }) } }]);
  });

  test('tells what arrived before an event that is no JSON, and then fails', async () => {
    const answer = await answered(streamOf(start('a'), ...textBlock(0, 'some'), 'oops', ...end('end_turn')));
    expect(answer.text).toBe('some');
    expect(providerErrorOf(answer).errorClass).toBe(ErrorClass.INVALID_RESPONSE);
  });

  test("parity: Anthropic's error event is not an empty success", async () => {
    const answer = await answered(streamOf(start('a'), { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }));
    expect(answer.order).toEqual(['started']);
    const error = providerErrorOf(answer);
    expect({ class: error.errorClass, type: error.type, usage: error.usage }).toEqual({
      class: ErrorClass.OVERLOADED,
      type: 'overloaded_error',
      usage: { inputTokens: 10n, outputTokens: 1n },
    });
  });

  test('parity: a stream cut before its end marker is not a success', async () => {
    const answer = await answered(streamOf(start('a'), ...textBlock(0, 'half')));
    expect(answer.text).toBe('half');
    expect(providerErrorOf(answer).errorClass).toBe(ErrorClass.TRUNCATED);
  });

  test('parity: an SSE line split over two reads is not dropped', async () => {
    const { body } = providerFixture('anthropic/text.sse');
    const at = body.indexOf('text_delta');
    const answer = await answered({ headers: { 'content-type': 'text/event-stream' }, body: [body.subarray(0, at), body.subarray(at)] });
    expect(answer.text).toBe('Grüße, 世界!');
  });
});

describe('a key of Anthropic', () => {
  test.each([
    ['sk-ant-oat01-abcdefgh', /subscription/],
    ['sk-ant-admin01-abcdefgh', /admin key/],
  ])('of the kind %s is refused kindly, without asking', async (wrong, why) => {
    await using mock = await mockUpstream({ status: 200, body: '{}' });
    const { instance } = generateRequest({ baseUrl: mock.url });
    const check = await anthropic.checkKey({ instance, key: wrong }, { signal: signal() });
    expect(check.verdict).toBe(Verdict.INVALID);
    expect(check.message).toMatch(why);
    const error = providerErrorOf(await collectAnswer(anthropic.generate(generateRequest({ baseUrl: mock.url, key: wrong }), { signal: signal() })));
    expect(error.errorClass).toBe(ErrorClass.AUTH);
    expect(error.message).toMatch(why);
    expect(mock.requests).toEqual([]);
  });

  test('is checked with the list of models, and sent as x-api-key', async () => {
    await using mock = await mockUpstream(providerFixture('anthropic/models-2.json'));
    const { instance } = generateRequest({ baseUrl: mock.url });
    expect((await anthropic.checkKey({ instance, key }, { signal: signal() })).verdict).toBe(Verdict.VALID);
    expect(mock.requests[0]).toMatchObject({ method: 'GET', path: '/v1/models?limit=1', headers: { 'x-api-key': key, 'anthropic-version': '2023-06-01' } });
  });

  test('lists the models of every page', async () => {
    await using mock = await mockUpstream(providerFixture('anthropic/models-1.json'), providerFixture('anthropic/models-2.json'));
    const { instance } = generateRequest({ baseUrl: mock.url });
    expect(await anthropic.listModels({ instance, key }, { signal: signal() })).toEqual([
      {
        model: 'claude-opus-5',
        displayName: 'Claude Opus 5',
        contextWindow: 1_000_000n,
        maxOutputTokens: 128_000n,
        inputModalities: ['text', 'image'],
        capabilities: ['tools', 'json_schema', 'reasoning'], refuses: [],
      },
      { model: 'claude-old', displayName: 'Claude Old', contextWindow: undefined, maxOutputTokens: undefined, inputModalities: [], capabilities: [], refuses: [] },
    ]);
    expect(mock.requests.map(({ path }) => path)).toEqual(['/v1/models?limit=1000', '/v1/models?limit=1000&after_id=claude-opus-5']);
  });
});
