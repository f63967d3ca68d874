import { describe, expect, test } from 'vitest';
import { FinishReason } from '../../../src/gen/tollgate/v1/content.ts';
import { openaiCompatible } from '../../../src/plugins/openai-compatible.ts';
import { ErrorClass } from '../../../src/plugins/provider.ts';
import { askProvider, chunk, sse } from '../../ask-provider.ts';
import { providerErrorOf, type CollectedAnswer } from '../../collect-answer.ts';
import type { MockAnswer } from '../../mock-upstream.ts';

const read = async (answer: MockAnswer): Promise<CollectedAnswer> => (await askProvider(openaiCompatible, answer)).answer;
const readEvents = (...events: readonly unknown[]): Promise<CollectedAnswer> => read(sse(...events));
const calls = (...pieces: readonly unknown[]): unknown => chunk({ tool_calls: pieces });
const toolCalls = (answer: CollectedAnswer): unknown => answer.toolCalls.map(({ id, name, arguments: args }) => [id, name, args]);
const usage = (input: number, output: number, more: object = {}): Readonly<Record<string, unknown>> => ({ usage: { prompt_tokens: input, completion_tokens: output, ...more } });

describe('a chat completion', () => {
  test('is told apart by its first byte, not by its content type', async () => {
    const stream = await read({ ...sse(chunk({ content: 'Hi' }), chunk({}, 'stop'), '[DONE]'), headers: { 'content-type': 'application/json' } });
    expect(stream.text).toBe('Hi');
    const body = await read({ headers: { 'content-type': 'text/event-stream' }, body: ['\n\n  ', '\n{"choices":[{"message":{"content":"Hi"},', '"finish_reason":"stop"}]}'] });
    expect([body.text, body.finish?.finishReason]).toEqual(['Hi', FinishReason.STOP]);
  });

  test('may hold everything in one JSON body', async () => {
    const answer = await read({
      headers: { 'x-request-id': 'req_1' },
      body: JSON.stringify({
        id: 'chatcmpl-1',
        model: 'example-1',
        choices: [
          {
            index: 0,
            message: {
              reasoning_content: 'hm',
              content: 'Hi',
              refusal: null,
              tool_calls: [
                { id: 'same', type: 'function', function: { name: 'f', arguments: '{"a":1}' } },
                { id: 'same', type: 'function', function: { name: 'f', arguments: '{"a":2}' } },
              ],
            },
            finish_reason: 'stop',
          },
        ],
        usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
      }),
    });
    expect(answer.parts).toMatchObject([
      { kind: 'reasoning', text: 'hm' },
      { kind: 'text', text: 'Hi' },
      { kind: 'toolCall', id: 'same', name: 'f', index: 0, text: '{"a":1}' },
      { kind: 'toolCall', name: 'f', index: 1, text: '{"a":2}' },
    ]);
    expect(new Set(answer.toolCalls.map((call) => call.id)).size).toBe(2);
    expect(answer.finish).toMatchObject({ finishReason: FinishReason.TOOL_CALL, rawFinishReason: 'stop', responseModel: 'example-1', providerRequestId: 'req_1', usage: { inputTokens: 3n, outputTokens: 4n } });
  });

  test('passes over what says nothing', async () => {
    const answer = await readEvents(
      { choices: [] },
      { choices: null },
      { choices: [null] },
      chunk(null),
      chunk({ content: null, tool_calls: null, refusal: null }),
      chunk({ content: '' }),
      'null',
      { choices: [{ index: 1, delta: { content: 'another answer' } }] },
      chunk({ content: 'Hi' }),
      { error: null, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
      '[DONE]',
      'what comes behind the end marker',
    );
    expect(answer.error).toBeUndefined();
    expect(answer.events.slice(1, -1)).toMatchObject([{ $case: 'textDelta', value: { part: 0, text: 'Hi' } }]);
  });

  test('takes text unchanged, white space and tags too', async () => {
    const answer = await readEvents(chunk({ content: '  <think>\n' }), chunk({ content: 'a</think>\t ' }), chunk({}, 'stop'));
    expect([answer.text, answer.reasoning]).toEqual(['  <think>\na</think>\t ', '']);
  });

  test('keeps the order of thoughts, texts and refusals as parts', async () => {
    const answer = await readEvents(chunk({ reasoning: 'a', reasoning_content: 'a' }), chunk({ reasoning: 'b' }), chunk({ content: 'c' }), chunk({ reasoning: 'd' }), chunk({ refusal: 'e' }), chunk({}, 'stop'));
    expect(answer.parts.map(({ kind, text }) => [kind, text])).toEqual([['reasoning', 'ab'], ['text', 'c'], ['reasoning', 'd'], ['refusal', 'e']]);
    expect(answer.finish?.finishReason).toBe(FinishReason.STOP);
  });

  test('reads content that is a list of parts', async () => {
    const thinking = { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }, { type: 'text', text: '!' }] };
    const answer = await readEvents(chunk({ content: [thinking, { type: 'text', text: 'Hi' }, { type: 'reference', reference_ids: [1] }] }), chunk({}, 'stop'));
    expect(answer.parts.map(({ kind, text }) => [kind, text])).toEqual([['reasoning', 'hm!'], ['text', 'Hi']]);
  });

  test('reads a message only where there are no deltas', async () => {
    const beside = await readEvents({ choices: [{ delta: { content: 'a' }, message: { content: 'a' } }] }, { choices: [{ delta: { content: 'b' }, message: { content: 'ab' }, finish_reason: 'stop' }] });
    expect(beside.text).toBe('ab');
    const alone = await readEvents({ choices: [{ message: { content: 'ab' }, finish_reason: 'stop' }] }, '[DONE]');
    expect(alone.text).toBe('ab');
  });
});

describe('the tool calls of a chat completion', () => {
  test.each([
    ['with indices from 1', [calls({ index: 1, id: 'a', function: { name: 'f', arguments: '{"x"' } }), calls({ index: 1, function: { arguments: ':1}' } })], [['a', 'f', '{"x":1}']]],
    ['without indices', [calls({ id: 'a', function: { name: 'f', arguments: '{"x"' } }), calls({ function: { arguments: ':1}' } })], [['a', 'f', '{"x":1}']]],
    ['with their id in each piece', [calls({ id: 'a', function: { name: 'f', arguments: '{"x"' } }), calls({ id: 'a', function: { name: '', arguments: ':1}' } })], [['a', 'f', '{"x":1}']]],
    ['with their name in a later piece', [calls({ index: 0, id: 'a', function: { arguments: '{"x"' } }), calls({ index: 0, function: { name: 'f', arguments: ':1}' } })], [['a', 'f', '{"x":1}']]],
    ['with arguments as an object', [calls({ index: 0, id: 'a', function: { name: 'f', arguments: { x: 1 } } })], [['a', 'f', '{"x":1}']]],
    ['with no arguments', [calls({ index: 0, id: 'a', function: { name: 'f', arguments: '' } }), calls({ index: 0, function: { arguments: null } })], [['a', 'f', '{}']]],
    ['with broken arguments', [calls({ index: 0, id: 'a', function: { name: 'f', arguments: '{"x":' } })], [['a', 'f', '{"x":']]],
    ['of which one is closed by an empty piece', [calls({ index: 0, id: 'a', function: { name: 'f', arguments: '{}' } }), calls({ id: null, function: { name: null, arguments: '' } }), calls({})], [['a', 'f', '{}']]],
    ['in turns', [calls({ index: 0, id: 'a', function: { name: 'f', arguments: '{"x"' } }, { index: 1, id: 'b', function: { name: 'g', arguments: '{' } }), calls({ index: 1, function: { arguments: '}' } }, { index: 0, function: { arguments: ':1}' } })], [['a', 'f', '{"x":1}'], ['b', 'g', '{}']]],
    ['that all have the index 0', [calls({ index: 0, id: 'a', function: { name: 'f', arguments: '{}' } }), calls({ index: 0, id: 'b', function: { name: 'f', arguments: '{}' } })], [['a', 'f', '{}'], ['b', 'f', '{}']]],
  ])('are put together %s', async (_title, events, expected) => {
    const answer = await readEvents(...events, chunk({}, 'tool_calls'), '[DONE]');
    expect(answer.error).toBeUndefined();
    expect(toolCalls(answer)).toEqual(expected);
    expect(answer.finish?.finishReason).toBe(FinishReason.TOOL_CALL);
  });

  test.each([
    ['no ids', [{ index: 0, function: { name: 'f', arguments: '{}' } }, { index: 0, function: { name: 'g', arguments: '{}' } }]],
    ['empty ids', [{ id: '', function: { name: 'f', arguments: '{}' } }, { id: '', function: { name: 'g', arguments: '{}' } }]],
    ['one id for all', [{ id: 'x', function: { name: 'f', arguments: '{}' } }, { id: 'x', function: { name: 'g', arguments: '{}' } }]],
  ])('get ids of their own when there are %s', async (_title, pieces) => {
    const answer = await readEvents(...pieces.map((piece) => calls(piece)), chunk({}, 'stop'));
    expect(answer.toolCalls.map((call) => call.name)).toEqual(['f', 'g']);
    const ids = answer.toolCalls.map((call) => call.id);
    expect([ids.includes(''), new Set(ids).size]).toEqual([false, 2]);
  });

  test('may come in the older shape of one function call', async () => {
    const answer = await readEvents(chunk({ function_call: { name: 'f', arguments: '{"x"' } }), chunk({ function_call: { arguments: ':1}' } }), chunk({}, 'function_call'));
    expect(answer.toolCalls.map((call) => [call.name, call.arguments])).toEqual([['f', '{"x":1}']]);
    expect(answer.finish?.finishReason).toBe(FinishReason.TOOL_CALL);
  });

  test('without a name are no answer', async () => {
    const answer = await readEvents(calls({ index: 0, id: 'a', function: { arguments: '{}' } }), chunk({}, 'tool_calls'));
    expect(providerErrorOf(answer).errorClass).toBe(ErrorClass.INVALID_RESPONSE);
  });
});

describe('the end of a chat completion', () => {
  test.each([
    ['stop', FinishReason.STOP],
    ['eos', FinishReason.STOP],
    ['length', FinishReason.LENGTH],
    ['content_filter', FinishReason.CONTENT_FILTER],
    ['tool_calls', FinishReason.TOOL_CALL],
    ['constructor', FinishReason.OTHER],
    ['something_new', FinishReason.OTHER],
  ])('is understood and kept: %s', async (word, finishReason) => {
    const answer = await readEvents(chunk({ content: 'Hi' }), chunk({}, word), '[DONE]');
    expect(answer.finish).toMatchObject({ finishReason, rawFinishReason: word });
  });

  test('is told once, at the end of the stream, with what came behind the finish reason', async () => {
    const answer = await readEvents(chunk({ content: 'Hi' }), chunk({}, 'stop'), chunk({}, 'stop', usage(1, 2)), { choices: [], ...usage(3, 4) }, '[DONE]');
    expect(answer.order).toEqual(['started', 'textDelta', 'finish']);
    expect(answer.finish?.usage).toEqual({ inputTokens: 3n, outputTokens: 4n });
  });

  test.each([
    ['a failure', chunk({}, 'error'), ErrorClass.INVALID_RESPONSE],
    ['no room', chunk({}, 'insufficient_system_resource'), ErrorClass.OVERLOADED],
  ])('may be %s', async (_title, event, errorClass) => {
    const answer = await readEvents(chunk({ content: 'Hi' }), event, { choices: [], ...usage(3, 4) }, '[DONE]');
    expect(answer.text).toBe('Hi');
    expect(providerErrorOf(answer)).toMatchObject({ errorClass, usage: { inputTokens: 3n } });
  });

  test('is OTHER when only the end marker comes behind content, and no answer when nothing came at all', async () => {
    expect((await readEvents(chunk({ content: 'Hi' }), '[DONE]')).finish).toMatchObject({ finishReason: FinishReason.OTHER, rawFinishReason: '' });
    for (const answer of [await readEvents({ choices: [] }, '[DONE]'), await read({ body: '{"id":"x"}' }), await read({ body: '[]' })]) {
      expect(providerErrorOf(answer).errorClass).toBe(ErrorClass.INVALID_RESPONSE);
    }
  });

  test('is missed when neither finish reason nor end marker comes', async () => {
    const answer = await readEvents(chunk({ content: 'Hi' }), { choices: [], ...usage(3, 4) });
    expect(answer.text).toBe('Hi');
    expect(providerErrorOf(answer)).toMatchObject({ errorClass: ErrorClass.TRUNCATED, usage: { inputTokens: 3n, outputTokens: 4n } });
  });

  test('does not wait for a server that keeps the connection open behind its end marker', async () => {
    const answer = await read({ ...sse(chunk({ content: 'Hi' }), chunk({}, 'stop'), '[DONE]'), ending: 'hold' });
    expect([answer.text, answer.finish?.finishReason]).toEqual(['Hi', FinishReason.STOP]);
  });

  test('keeps the whole answer when the connection breaks behind the finish reason', async () => {
    const answer = await read({ ...sse(chunk({ content: 'Hi' }), chunk({}, 'stop')), ending: 'cut' });
    expect(answer.finish).toMatchObject({ finishReason: FinishReason.STOP, usage: undefined });
  });
});

describe('an error of a chat completion', () => {
  test.each([
    ['as the first event', [{ error: { message: 'busy', code: 'slow_down' } }], ErrorClass.RATE_LIMIT, ''],
    ['behind the finish reason', [chunk({ content: 'Hi' }, 'stop'), { error: { message: 'sorry', type: 'server_error' } }], ErrorClass.SERVER, 'Hi'],
    ['as text', [chunk({ content: 'Hi' }), { error: 'model runner crashed' }], ErrorClass.SERVER, 'Hi'],
    ['as a list', [{ error: [{ code: 429, message: 'slow' }] }], ErrorClass.RATE_LIMIT, ''],
    ['in a list', [[{ error: { code: 503, message: 'full' } }]], ErrorClass.OVERLOADED, ''],
  ])('comes %s', async (_title, events, errorClass, text) => {
    const answer = await readEvents(...events, '[DONE]');
    expect(answer.text).toBe(text);
    expect(answer.order).not.toContain('finish');
    expect(providerErrorOf(answer)).toMatchObject({ errorClass, httpStatus: 200 });
  });

  test('comes as a named event, whatever it holds', async () => {
    for (const data of ['{"message":"tool failed","code":"tool_use_failed"}', 'upstream timed out', '{"choices":[]}']) {
      const answer = await read({ body: `data: ${JSON.stringify(chunk({ content: 'Hi' }))}\n\nevent: error\ndata: ${data}\n\n` });
      expect(answer.text).toBe('Hi');
      expect(providerErrorOf(answer).message).not.toBe('');
    }
  });

  test('comes as one JSON body with HTTP 200', async () => {
    const answer = await read({ body: '{"error":{"message":"The model is overloaded","code":503},"user_id":"u"}' });
    expect(providerErrorOf(answer)).toMatchObject({ errorClass: ErrorClass.OVERLOADED, message: 'The model is overloaded', code: '503' });
  });

  test('is an event that is not JSON, in the middle', async () => {
    const answer = await readEvents(chunk({ content: 'Hi' }), '{"choices":', chunk({}, 'stop'), '[DONE]');
    expect(answer.text).toBe('Hi');
    expect(providerErrorOf(answer).errorClass).toBe(ErrorClass.INVALID_RESPONSE);
  });
});

describe('the usage of a chat completion', () => {
  test.each([
    ['counts reasoning that stands beside the output', usage(10, 5, { total_tokens: 22, completion_tokens_details: { reasoning_tokens: 7 } }), { inputTokens: 10n, outputTokens: 12n, reasoningOutputTokens: 7n }],
    ['counts reasoning inside the output', usage(10, 12, { total_tokens: 22, completion_tokens_details: { reasoning_tokens: 7 } }), { inputTokens: 10n, outputTokens: 12n, reasoningOutputTokens: 7n }],
    ['knows the cache, wherever it stands', usage(10, 5, { prompt_cache_hit_tokens: 4 }), { inputTokens: 10n, outputTokens: 5n, cacheReadInputTokens: 4n }],
    ['leaves out what is no count', { usage: { prompt_tokens: 1.5, completion_tokens: -1, total_tokens: 0 } }, undefined],
    ['leaves out what is null', { usage: null }, undefined],
  ])('%s', async (_title, said, expected) => {
    const answer = await readEvents(chunk({ content: 'Hi' }), { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], ...(said as object) }, '[DONE]');
    expect(answer.finish?.usage).toEqual(expected);
  });

  test('is the last of cumulative ones', async () => {
    const answer = await readEvents(chunk({ content: 'a' }, null, usage(8, 1)), chunk({ content: 'b' }, 'stop', usage(8, 2)));
    expect(answer.finish?.usage).toEqual({ inputTokens: 8n, outputTokens: 2n });
  });
});
