import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FinishReason } from '../../../src/gen/tollgate/v1/content.ts';
import { ErrorClass, ProviderError } from '../../../src/plugins/provider.ts';
import { chunk, sse } from '../../ask-provider.ts';
import { providerErrorOf } from '../../collect-answer.ts';
import { expectTyped, hostileProvider, KEY, MB } from './ask-hostile.ts';
import { anyText, borders } from './chunks.ts';

const { answered, events } = hostileProvider();

describe('events of any shape', () => {
  const lineEnd = fc.constantFrom('\n', '\r\n', '\r');

  test('say the same text, whatever their line ends, comments, names, padding and borders', async () => {
    const between = fc.constantFrom('', ': a comment', 'event: chunk', 'id: 7', 'retry: 10', 'nonsense', 'data');
    await fc.assert(
      fc.asyncProperty(fc.array(anyText(), { minLength: 1, maxLength: 6 }), lineEnd, between, fc.boolean(), fc.boolean(), borders, async (texts, end, extra, mark, pretty, cuts) => {
        const list = [...texts.map((content) => chunk({ content })), chunk({}, 'stop')];
        const lines = list.flatMap((event) => [
          ...(extra === 'data' || extra === '' ? [] : [extra]),
          ...JSON.stringify(event, null, pretty ? 1 : 0).split('\n').map((line, at) => (at % 2 === 0 ? `data: ${line}` : `data:${line}`)),
          '',
        ]);
        const bytes = Buffer.from((mark ? '\uFEFF' : '') + [...lines, 'data: [DONE]', '', ''].join(end));
        const at = [...new Set(cuts.map((cut) => cut % bytes.length))].sort((a, b) => a - b);
        const answer = await answered({ body: [...at, bytes.length].map((to, piece) => bytes.subarray(at[piece - 1] ?? 0, to)) });
        expect(answer.error).toBeUndefined();
        // A lone half of a pair is no character: it leaves as the mark of one.
        expect(answer.text).toBe(texts.join('').toWellFormed());
      }),
      { numRuns: 60 },
    );
  });

  test('are an answer or a typed error, whatever stands in their fields', async () => {
    const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom(-1, 1.5, 2 ** 63, '9223372036854775808', '', null, [], {}, [null], 'stop', 'error', 'tool_calls'));
    const call = fc.record({ index: value, id: value, function: fc.oneof(value, fc.record({ name: value, arguments: value })) }, { requiredKeys: [] });
    const delta = fc.record({ role: value, content: value, reasoning: value, reasoning_content: value, refusal: value, tool_calls: fc.oneof(value, fc.array(fc.oneof(value, call))), function_call: fc.oneof(value, call) }, { requiredKeys: [] });
    const choice = fc.record({ index: value, delta: fc.oneof(value, delta), message: fc.oneof(value, delta), finish_reason: value, usage: value }, { requiredKeys: [] });
    const usage = fc.record({ prompt_tokens: value, completion_tokens: value, total_tokens: value, prompt_tokens_details: value, completion_tokens_details: value, cost: value, cost_in_usd_ticks: value }, { requiredKeys: [] });
    const event = fc.record({ id: value, model: value, choices: fc.oneof(value, fc.array(fc.oneof(value, choice))), usage: fc.oneof(value, usage), error: value, type: value, success: value }, { requiredKeys: [] });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof({ weight: 4, arbitrary: event }, { weight: 1, arbitrary: value }), { maxLength: 6 }), fc.boolean(), async (list, whole) => {
        expectTyped(whole ? await answered({ body: JSON.stringify(list[0] ?? null) }) : await events(...list.map((each) => JSON.stringify(each)), '[DONE]'));
      }),
      { numRuns: 300 },
    );
  });

  test('are an answer or a typed error, whatever bytes they are', async () => {
    const line = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.string().map((text) => Buffer.from(`data: ${text}\n\n`)), fc.constantFrom(Buffer.from('data: [DONE]\n\n'), Buffer.from('data: {"choices":[{"delta":{"content":"a"}}]}\n\n'), Buffer.from('event: error\ndata: {}\n\n'), Buffer.from('{')));
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 8 }), fc.constantFrom('end', 'cut'), async (pieces, ending) => {
        expectTyped(await answered({ body: pieces.filter((piece) => piece.length > 0), ending }));
      }),
      { numRuns: 200 },
    );
  });

  test.each([
    ['two end markers', [chunk({ content: 'Hi' }, 'stop'), '[DONE]', '[DONE]']],
    ['text behind the end marker', [chunk({ content: 'Hi' }, 'stop'), '[DONE]', chunk({ content: ' there' })]],
    ['an error behind the end marker', [chunk({ content: 'Hi' }, 'stop'), '[DONE]', { error: { message: 'late' } }]],
    ['no end marker', [chunk({ content: 'Hi' }, 'stop')]],
    ['another model in the middle', [chunk({ content: 'H' }, null, { model: 'a' }), chunk({ content: 'i' }, 'stop', { model: 'b' }), '[DONE]']],
  ])('are a whole answer with %s', async (_what, list) => {
    const answer = await events(...list);
    expect([answer.error, answer.text, answer.finish?.finishReason]).toEqual([undefined, 'Hi', FinishReason.STOP]);
  });

  test('may have a megabyte in one line', async () => {
    const content = 'ä😀'.repeat(200_000);
    expect((await events(chunk({ content }, 'stop'), '[DONE]')).text).toBe(content);
  });

  test.each([
    ['lists in lists', '['.repeat(50_000) + ']'.repeat(50_000)],
    ['arguments in arguments', JSON.stringify(chunk({ tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: '@' } }] })).replace('"@"', '{"a":'.repeat(50_000) + '1' + '}'.repeat(50_000))],
    ['very many lists', `[${'[],'.repeat(1_000_000)}[]]`],
  ])('are refused when they hold %s', async (_what, data) => {
    for (const answer of [await events(data), await answered({ body: data })]) expect(providerErrorOf(answer).errorClass).toBe(ErrorClass.INVALID_RESPONSE);
  });
});

describe('usage that is nonsense', () => {
  const finishWith = async (...usages: readonly unknown[]) => (await events(chunk({ content: 'Hi' }, 'stop'), ...usages.map((usage) => ({ choices: [], usage })), '[DONE]')).finish;

  test.each([-1, 1.5, '7', 2 ** 63, 2 ** 53, 1e308, true, [], {}, null])('is unset, and never 0: %j', async (count) => {
    const finish = await finishWith({ prompt_tokens: count, completion_tokens: count, total_tokens: count, prompt_tokens_details: { cached_tokens: count }, completion_tokens_details: { reasoning_tokens: count } });
    expect(finish?.finishReason).toBe(FinishReason.STOP);
    expect(finish?.usage).toBeUndefined();
  });

  test('is what the provider said last, also when that is more than was asked for, or nothing at all', async () => {
    expect((await finishWith({ prompt_tokens: 1, completion_tokens: 1 }, { prompt_tokens: 5, completion_tokens: 2 }))?.usage).toEqual({ inputTokens: 5n, outputTokens: 2n });
    expect((await finishWith({ prompt_tokens: Number.MAX_SAFE_INTEGER, completion_tokens: 0 }))?.usage).toEqual({ inputTokens: 9_007_199_254_740_991n, outputTokens: 0n });
    expect((await finishWith({ prompt_tokens: 3, completion_tokens: 4 }, null))?.usage).toEqual({ inputTokens: 3n, outputTokens: 4n });
    expect((await finishWith())?.usage).toBeUndefined();
  });

  test.each([-0.5, '1e400', 'free', Number.MAX_VALUE, '9'.repeat(50), {}])('costs nothing that is known: %j', async (cost) => {
    expect((await finishWith({ prompt_tokens: 1, cost }))?.reportedCostPicoUsd).toBeUndefined();
  });
});

describe('tool calls that are nonsense', () => {
  const calls = (...pieces: readonly unknown[]): unknown => chunk({ tool_calls: pieces });

  test('are put together from ten thousand pieces', async () => {
    const pieces = Array.from({ length: 10_000 }, (_, at) => calls({ index: 0, function: { arguments: at === 0 ? '{"a":"' : at === 9999 ? '"}' : 'ä' } }));
    const answer = await events(calls({ index: 0, id: 'a', function: { name: 'f', arguments: '' } }), ...pieces, chunk({}, 'tool_calls'), '[DONE]');
    expect(answer.toolCalls).toEqual([{ id: 'a', name: 'f', arguments: `{"a":"${'ä'.repeat(9998)}"}` }]);
  });

  test('keep their order and their arguments, wherever their indices jump', async () => {
    const indices = [7, 0, 2_147_483_648, -3, 1.5, 999];
    const shuffled = indices.toReversed();
    const answer = await events(
      ...indices.map((index) => calls({ index, id: `id${index}`, function: { name: `f${index}`, arguments: '{"a"' } })),
      ...shuffled.map((index) => calls({ index, function: { arguments: `:${index}}` } })),
      chunk({}, 'tool_calls'),
      '[DONE]',
    );
    expect(answer.toolCalls).toEqual(indices.map((index) => ({ id: `id${index}`, name: `f${index}`, arguments: `{"a":${index}}` })));
  });

  test('pass broken JSON unchanged', async () => {
    const answer = await events(calls({ index: 0, id: 'a', function: { name: 'f', arguments: '{"a":NaN,}\u0000\u001B[31m' } }), chunk({}, 'tool_calls'), '[DONE]');
    expect(answer.toolCalls[0]?.arguments).toBe('{"a":NaN,}\u0000\u001B[31m');
  });

  test.each([
    ['more than a thousand', Array.from({ length: 10_000 }, (_, index) => calls({ index, id: `id${index}`, function: { name: 'f', arguments: '{}' } }))],
    ['a name without end', [calls({ index: 0, id: 'a', function: { name: 'f'.repeat(MB), arguments: '{}' } })]],
    ['an id without end', [calls({ index: 0, id: 'a'.repeat(MB), function: { name: 'f', arguments: '{}' } })]],
  ])('are no answer when there are %s', async (_what, list) => {
    expect(providerErrorOf(await events(...list, chunk({}, 'tool_calls'), '[DONE]')).errorClass).toBe(ErrorClass.INVALID_RESPONSE);
  });
});

describe('words of the provider', () => {
  test.each(['abort', 'constructor', '__proto__', 'STOP', '\u001B[2J', 'x'.repeat(MB)])('that nobody knows are another end: %#', async (word) => {
    const answer = await events(chunk({ content: 'Hi' }, word), '[DONE]');
    expect(answer.finish?.finishReason).toBe(FinishReason.OTHER);
    expect(answer.finish?.rawFinishReason).toBe(word.length > 512 ? `${'x'.repeat(509)}…` : word);
  });

  test('pass through the text unchanged, whatever they would do to a terminal or a page', async () => {
    const text = '\u001B[31mred\u001B[0m <script>alert(1)</script> \u202Ebidi\u2066 \u0000\u0007\u0008\r\n\uFEFF';
    const answer = await events(chunk({ content: text, reasoning: text }), chunk({ refusal: text }, 'stop'), '[DONE]');
    expect([answer.text, answer.reasoning, answer.refusal]).toEqual([text, text, text]);
  });

  test('hold no key, wherever the provider repeats it', async () => {
    const echo = { message: `bad ${KEY}`, type: KEY, code: `code ${KEY}`, param: KEY, metadata: { error_type: KEY, raw: KEY } };
    const headers = { 'x-request-id': KEY, 'retry-after': KEY, [KEY]: KEY, 'content-type': KEY };
    const answers = [
      await answered({ headers, body: String(sse(chunk({ content: 'Hi' }, `stop ${KEY}`, { model: KEY, id: KEY }), '[DONE]').body) }),
      await answered({ body: String(sse(chunk({ content: 'Hi' }, KEY.slice(0, 12), { id: KEY }), '[DONE]').body) }),
      await events(chunk({ content: 'Hi' }), { error: echo }),
      await answered({ body: `event: error\ndata: ${KEY}\n\n` }),
      await answered({ status: 401, headers, body: JSON.stringify({ error: echo }) }),
      await answered({ status: 400, body: JSON.stringify({ detail: [{ loc: [KEY], msg: KEY, input: KEY }] }) }),
      await answered({ status: 500, body: `<title>${KEY}</title>` }),
      await answered({ status: 307, headers: { location: `/${KEY}` } }),
      await answered({ headers: { 'content-encoding': KEY }, body: 'x' }),
    ];
    for (const { finish, error } of answers) {
      const told = [finish?.rawFinishReason, finish?.responseModel, finish?.providerRequestId, ...(error instanceof ProviderError ? [error.message, error.type, error.code, error.stack] : [])].join('\n');
      expect(told).not.toContain(KEY.slice(0, 8));
    }
  });

  test.each<[string, number | undefined]>([
    ['7', 7000],
    ['-1', undefined],
    ['1e9', undefined],
    ['999999999', undefined],
    ['NaN', undefined],
    ['Infinity', undefined],
    ['soon', undefined],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['Thu, 01 Jan 9999 00:00:00 GMT', undefined],
    ['7, 8', undefined],
    ['7'.repeat(5000), undefined],
  ])('about when to come back are believed only when they make sense: %s', async (retryAfter, waitMs) => {
    const answer = await answered({ status: 429, headers: { 'retry-after': retryAfter }, body: '{"error":{"message":"slow down"}}' });
    expect(providerErrorOf(answer)).toMatchObject({ errorClass: ErrorClass.RATE_LIMIT, retryAfterMs: waitMs });
  });
});

test.each([
  ['a page', '<!doctype html><title>Sign in</title>', ErrorClass.INVALID_RESPONSE],
  ['nothing', '', ErrorClass.TRUNCATED],
  ['blanks', '\n\n  \n', ErrorClass.TRUNCATED],
  ['an error as JSON', '{"error":{"message":"The model is overloaded","code":503}}', ErrorClass.OVERLOADED],
  ['null', 'null', ErrorClass.TRUNCATED],
  ['a number', '[7]', ErrorClass.INVALID_RESPONSE],
  ['half a JSON', '{"choices":[{"message":', ErrorClass.TRUNCATED],
])('HTTP 200 with %s is an error', async (_what, body, errorClass) => {
  expect(providerErrorOf(await answered({ headers: { 'content-type': 'text/event-stream' }, body })).errorClass).toBe(errorClass);
});
