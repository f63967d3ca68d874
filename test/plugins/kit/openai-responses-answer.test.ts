import { describe, expect, test } from 'vitest';
import { FinishReason } from '../../../src/gen/tollgate/v1/content.ts';
import { openai } from '../../../src/plugins/openai.ts';
import { ErrorClass } from '../../../src/plugins/provider.ts';
import { expectOrder } from '../../answer-contract.ts';
import { askProvider, sse } from '../../ask-provider.ts';
import { providerErrorOf, type CollectedAnswer } from '../../collect-answer.ts';
import type { MockAnswer } from '../../mock-upstream.ts';
import { providerFixture } from '../../provider-fixture.ts';

const read = async (answer: MockAnswer): Promise<CollectedAnswer> => (await askProvider(openai, answer, { model: 'gpt-5' })).answer;
const readEvents = (...events: readonly unknown[]): Promise<CollectedAnswer> => read(sse(...events));
const readBody = (body: unknown): Promise<CollectedAnswer> => read({ headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

const added = (at: number, item: object) => ({ type: 'response.output_item.added', output_index: at, item });
const done = (at: number, item: object) => ({ type: 'response.output_item.done', output_index: at, item });
const text = (delta: string, at = 0, contentIndex = 0) => ({ type: 'response.output_text.delta', output_index: at, content_index: contentIndex, delta });
const args = (delta: string, at: number) => ({ type: 'response.function_call_arguments.delta', output_index: at, delta });
const completed = (more: object = {}) => ({ type: 'response.completed', response: { status: 'completed', ...more } });
const message = (...content: readonly object[]) => ({ type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content });
const call = (name: string, callId: string, written = '') => ({ type: 'function_call', id: `fc_${callId}`, call_id: callId, name, arguments: written, status: 'completed' });
const toolCalls = (answer: CollectedAnswer): unknown => answer.toolCalls.map(({ id, name, arguments: written }) => [id, name, written]);
const parts = (answer: CollectedAnswer): unknown => answer.parts.map(({ kind, text: said }) => [kind, said]);

describe('a response', () => {
  test('keeps each summary a part of its own, and the whole thought with the last one', async () => {
    const answer = await read(providerFixture('openai/responses-reasoning.sse'));
    expectOrder(answer);
    expect(answer.parts.map(({ kind, text: said, metadata }) => [kind, said, metadata?.['openai']])).toEqual([
      ['reasoning', '**Weather**\n\nI look it up.', undefined],
      [
        'reasoning',
        '**Tool**\n\nI call it.',
        '{"id":"rs_1","type":"reasoning","status":"completed","encrypted_content":"gAAAAB-whole==","summary":[{"type":"summary_text","text":"**Weather**\\n\\nI look it up."},{"type":"summary_text","text":"**Tool**\\n\\nI call it."}]}',
      ],
      ['text', 'One moment.', '{"id":"msg_4","phase":"commentary"}'],
      ['toolCall', '{"city":"Bonn"}', '{"id":"fc_4"}'],
    ]);
    expect(answer.finish).toMatchObject({ finishReason: FinishReason.TOOL_CALL, rawFinishReason: 'completed', providerRequestId: 'resp_4', usage: { outputTokens: 60n, reasoningOutputTokens: 32n } });
  });

  test('may come as one JSON body, which is read the same', async () => {
    const answer = await read(providerFixture('openai/responses-whole.json', { headers: { 'x-request-id': 'req_1' } }));
    expectOrder(answer);
    expect(parts(answer)).toEqual([
      ['reasoning', '**Weather**\n\nI look it up.'],
      ['reasoning', '**Tool**\n\nI call it.'],
      ['text', 'Hello.'],
      ['refusal', 'No more.'],
      ['toolCall', '{"city":"Bonn"}'],
    ]);
    expect(answer.parts[1]?.metadata?.['openai']).toContain('gAAAAB-whole==');
    expect(answer.finish).toMatchObject({ finishReason: FinishReason.TOOL_CALL, responseModel: 'gpt-5-mini-2025-08-07', providerRequestId: 'req_1', usage: { inputTokens: 40n } });
  });

  test('keeps a thought whose words are hidden', async () => {
    const hidden = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gAAA' };
    const answer = await readEvents(added(0, { ...hidden, encrypted_content: 'g' }), done(0, hidden), text('Hi', 1), completed());
    expect(parts(answer)).toEqual([['reasoning', ''], ['text', 'Hi']]);
    expect(answer.parts[0]?.metadata).toEqual({ openai: JSON.stringify(hidden) });
  });

  test('keeps no thought that is only an id, since the provider did not keep it either', async () => {
    const answer = await readEvents(done(0, { type: 'reasoning', id: 'rs_1', summary: [], content: [], encrypted_content: null }), text('Hi', 1), completed());
    expect(parts(answer)).toEqual([['text', 'Hi']]);
  });

  test('tells raw thoughts, and keeps them', async () => {
    const thought = { type: 'reasoning', id: 'x', summary: [], content: [{ type: 'reasoning_text', text: 'We need.' }] };
    const answer = await readEvents({ type: 'response.reasoning_text.delta', output_index: 0, content_index: 0, delta: 'We' }, { type: 'response.reasoning_text.delta', output_index: 0, content_index: 0, delta: ' need.' }, done(0, thought), completed());
    expect([answer.reasoning, answer.parts[0]?.metadata]).toEqual(['We need.', { openai: JSON.stringify(thought) }]);
  });

  test('tells text apart from refusals, and a message from the next', async () => {
    const refusal = { type: 'response.refusal.delta', output_index: 0, content_index: 1, delta: 'No.' };
    const answer = await readEvents(text('A'), refusal, done(0, message({ type: 'output_text', text: 'A' }, { type: 'refusal', refusal: 'No.' })), text('B', 1), completed());
    expect(parts(answer)).toEqual([['text', 'A'], ['refusal', 'No.'], ['text', 'B']]);
    expect(answer.parts.map(({ metadata }) => metadata?.['openai'])).toEqual(['{"id":"msg_1"}', '{"id":"msg_1"}', undefined]);
    expect(answer.finish?.finishReason).toBe(FinishReason.STOP);
  });

  test('keeps the sources of a text', async () => {
    const annotations = [{ type: 'url_citation', url: 'https://example.com', start_index: 0, end_index: 1 }];
    const answer = await readEvents(text('A'), done(0, message({ type: 'output_text', text: 'A', annotations })), completed());
    expect(answer.parts[0]?.metadata).toEqual({ openai: JSON.stringify({ id: 'msg_1', annotations }) });
  });

  test('puts calls together whose pieces come mixed', async () => {
    const answer = await readEvents(
      added(0, call('f', 'a')),
      added(1, call('g', 'b')),
      args('{"x":', 0),
      args('{"y"', 1),
      args('1}', 0),
      args(':2}', 1),
      done(1, call('g', 'b', '{"y":2}')),
      done(0, call('f', 'a', '{"x":1}')),
      completed(),
    );
    expectOrder(answer);
    expect(toolCalls(answer)).toEqual([['a', 'f', '{"x":1}'], ['b', 'g', '{"y":2}']]);
  });

  test('has calls that come whole, begin nowhere, or have no arguments', async () => {
    const answer = await readEvents(added(0, call('f', 'a', '{"x":1}')), done(0, call('f', 'a', '{"x":1}')), args('{"y":2}', 1), done(1, call('g', 'b', '{"y":2}')), added(2, call('h', 'c')), completed());
    expect(toolCalls(answer)).toEqual([['a', 'f', '{"x":1}'], ['b', 'g', '{"y":2}'], ['c', 'h', '{}']]);
  });

  test('is read from its last event where the stream told nothing, and only there', async () => {
    const output = [message({ type: 'output_text', text: 'Hi' }), call('f', 'a', '{}')];
    expect(parts(await readEvents(completed({ output })))).toEqual([['text', 'Hi'], ['toolCall', '{}']]);
    expect(parts(await readEvents(text('Hi'), added(1, call('f', 'a')), completed({ output })))).toEqual([['text', 'Hi'], ['toolCall', '{}']]);
  });

  test('tells its items apart by their ids where they have no positions', async () => {
    const delta = (id: string, said: string) => ({ type: 'response.output_text.delta', item_id: id, delta: said });
    expect(parts(await readEvents(delta('m1', 'A'), delta('m1', 'B'), delta('m2', 'C'), completed()))).toEqual([['text', 'AB'], ['text', 'C']]);
  });

  test('has two items at one position when the first is done', async () => {
    const answer = await readEvents(added(0, call('f', 'a')), args('{}', 0), done(0, call('f', 'a', '{}')), added(0, call('g', 'b')), args('[]', 0), completed());
    expect(toolCalls(answer)).toEqual([['a', 'f', '{}'], ['b', 'g', '[]']]);
  });

  test('keeps the calls of tools that the provider runs itself', async () => {
    const search = { type: 'web_search_call', id: 'ws_1', status: 'completed', action: { type: 'search', query: 'x' } };
    const answer = await readEvents(added(0, search), { type: 'response.web_search_call.completed', output_index: 0 }, done(0, search), text('Found.', 1), completed());
    expect(answer.parts.map(({ kind, text: said, metadata }) => [kind, said, metadata])).toEqual([['text', '', { openai: JSON.stringify(search) }], ['text', 'Found.', undefined]]);
  });

  test('keeps nothing with a part that would not fit into a response of ours', async () => {
    const picture = { type: 'image_generation_call', id: 'ig_1', result: 'A'.repeat(600_000) };
    const answer = await readEvents(done(0, picture), text('Hi', 1), completed());
    expect([answer.error, parts(answer), answer.parts[0]?.metadata]).toEqual([undefined, [['text', 'Hi']], undefined]);
  });

  test('passes over events that nobody knows yet, and whatever follows its end', async () => {
    const answer = await readEvents({ type: 'response.something.new', error: { code: 'x' } }, { type: 'response.queued' }, text('Hi'), '', completed(), text(' again'), '[DONE]');
    expect([answer.error, answer.text]).toEqual([undefined, 'Hi']);
  });

  test('goes by the names of events that do not say their type', async () => {
    const body = ['response.output_text.delta', { delta: 'Hi' }, 'response.completed', { response: { model: 'm' } }];
    const answer = await read({ body: `event: ${body[0] as string}\ndata: ${JSON.stringify(body[1])}\n\nevent: ${body[2] as string}\ndata: ${JSON.stringify(body[3])}\n\n` });
    expect([answer.text, answer.finish?.rawFinishReason, answer.finish?.responseModel]).toEqual(['Hi', 'completed', 'm']);
  });

  test.each([
    ['max_output_tokens', FinishReason.LENGTH],
    ['content_filter', FinishReason.CONTENT_FILTER],
    ['steered', FinishReason.OTHER],
    ['constructor', FinishReason.OTHER],
  ])('that is incomplete for %s says so', async (reason, finishReason) => {
    const answer = await readEvents(text('Hi'), added(1, call('f', 'a')), { type: 'response.incomplete', response: { status: 'incomplete', incomplete_details: { reason } } });
    expect(answer.finish).toMatchObject({ finishReason, rawFinishReason: 'incomplete' });
  });

  test('tells what it cost where the provider says so', async () => {
    const answer = await readEvents(completed({ usage: { input_tokens: 199, output_tokens: 160, total_tokens: 359, output_tokens_details: { reasoning_tokens: 152 }, cost_in_usd_ticks: 5_143_500 } }));
    expect(answer.finish).toMatchObject({ reportedCostPicoUsd: 514_350_000n, usage: { inputTokens: 199n, outputTokens: 160n, reasoningOutputTokens: 152n } });
  });
});

describe('a response that fails', () => {
  const failed = (error: unknown, more: object = {}) => ({ type: 'response.failed', response: { status: 'failed', error, ...more } });

  test.each([
    ['an event with its words in an object', { type: 'error', error: { type: 'insufficient_quota', code: 'insufficient_quota', message: 'No money.' } }, ErrorClass.BILLING, 'insufficient_quota'],
    ['an event that holds its words itself', { type: 'error', code: 'rate_limit_exceeded', message: 'Slow down. Please try again in 2s.', param: null }, ErrorClass.RATE_LIMIT, undefined],
    ['a failed response', failed({ code: 'server_error', message: 'Oh no.' }), ErrorClass.SERVER, undefined],
    ['a prompt that a filter stopped', failed({ code: 'invalid_prompt', message: 'Invalid prompt: your prompt was flagged as potentially violating our usage policy.' }), ErrorClass.CONTENT_FILTER, undefined],
    ['a prompt that is malformed', failed({ code: 'invalid_prompt', message: 'Invalid prompt.' }), ErrorClass.INVALID_REQUEST, undefined],
    ['a picture that it cannot read', failed({ code: 'invalid_image_format', message: 'No picture.' }), ErrorClass.INVALID_REQUEST, undefined],
    ['a rate limit in words alone', failed({ message: 'Your requests have exceeded the token rate limit.' }), ErrorClass.RATE_LIMIT, undefined],
    ['an error of another API', { error: { message: 'Overloaded', code: 'server_overloaded' } }, ErrorClass.OVERLOADED, undefined],
  ])('tells why: %s', async (_what, event, errorClass, type) => {
    const answer = await readEvents(text('Once'), event);
    expect([answer.text, answer.finish]).toEqual(['Once', undefined]);
    const error = providerErrorOf(answer);
    expect([error.errorClass, error.type, error.httpStatus]).toEqual([errorClass, type, 200]);
  });

  test('tells why in the event behind it, where its own error is empty', async () => {
    const answer = await readEvents(failed(null), { type: 'error', error: { code: 'rate_limit_exceeded', message: 'Slow down.' } });
    expect(providerErrorOf(answer)).toMatchObject({ errorClass: ErrorClass.RATE_LIMIT, code: 'rate_limit_exceeded' });
  });

  test('without any reason is still a failure, also when the connection breaks behind it', async () => {
    for (const ending of ['end', 'cut'] as const) {
      const error = providerErrorOf(await read({ ...sse(text('Once'), failed(null, { usage: { input_tokens: 9, output_tokens: 1 } })), ending }));
      expect([error.errorClass, error.usage]).toEqual([ErrorClass.SERVER, { inputTokens: 9n, outputTokens: 1n }]);
    }
  });

  test('waits as long as the headers say, though its HTTP status is 200', async () => {
    const answer = await read({ ...sse({ type: 'error', code: 'rate_limit_exceeded', message: 'Slow down.' }), headers: { 'content-type': 'text/event-stream', 'retry-after': '7' } });
    expect(providerErrorOf(answer)).toMatchObject({ errorClass: ErrorClass.RATE_LIMIT, retryAfterMs: 7000 });
  });

  test('brings what it had used', async () => {
    expect(providerErrorOf(await read(providerFixture('openai/responses-stream-error.sse')))).toMatchObject({ errorClass: ErrorClass.SERVER, usage: { inputTokens: 9n, outputTokens: 1n } });
  });

  test.each([
    ['no end at all', [text('Hi')]],
    ['an end marker without an end', [text('Hi'), '[DONE]']],
  ])('is a cut one with %s', async (_what, events) => {
    expect(providerErrorOf(await readEvents(...events)).errorClass).toBe(ErrorClass.TRUNCATED);
  });

  test('is nonsense with a status that nobody knows, and says no key that stands in it', async () => {
    const key = 'sk-0123456789abcdef';
    const { answer } = await askProvider(openai, sse({ type: 'response.completed', response: { status: `odd ${key} ${'x'.repeat(1000)}` } }), { model: 'gpt-5', key });
    const error = providerErrorOf(answer);
    expect(error.errorClass).toBe(ErrorClass.INVALID_RESPONSE);
    expect(error.message).toContain('odd [key removed]');
    expect(error.message.length).toBeLessThan(200);
  });

  test('is nonsense with more items, or more pieces of one, than any answer has', async () => {
    const many = (count: number, at: (n: number) => object) => Array.from({ length: count }, (_, n) => at(n));
    for (const events of [many(4097, (n) => text('x', n)), many(1025, (n) => text('x', 0, n))]) {
      expect(providerErrorOf(await readEvents(...events, completed())).errorClass).toBe(ErrorClass.INVALID_RESPONSE);
    }
  });

  test.each([
    ['an event that is not JSON before others', '{"type":'],
    ['an event that is no object', '7'],
  ])('is nonsense with %s', async (_what, nonsense) => {
    expect(providerErrorOf(await readEvents(text('Hi'), nonsense, completed())).errorClass).toBe(ErrorClass.INVALID_RESPONSE);
  });

  test('is told by an error that is not JSON', async () => {
    expect(providerErrorOf(await read({ body: 'event: error\ndata: upstream is overloaded\n\n' }))).toMatchObject({ message: 'upstream is overloaded' });
  });

  test.each([
    [{ error: { code: 'insufficient_quota', message: 'No money.' } }, ErrorClass.BILLING],
    [{ status: 'failed', error: { code: 'server_error', message: 'Oh no.' }, output: [] }, ErrorClass.SERVER],
    [{ status: 'cancelled', error: null, output: [] }, ErrorClass.SERVER],
    [{ status: 'queued', error: null, output: [] }, ErrorClass.INVALID_RESPONSE],
    [{ hello: 'world' }, ErrorClass.INVALID_RESPONSE],
    [['x'], ErrorClass.INVALID_RESPONSE],
  ])('is told by a body: %j', async (body, errorClass) => {
    expect(providerErrorOf(await readBody(body)).errorClass).toBe(errorClass);
  });
});
