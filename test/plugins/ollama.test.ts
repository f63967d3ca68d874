import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CheckKeyResponse_Verdict as Verdict } from '../../src/gen/tollgate/provider/v1/provider_service.ts';
import { FinishReason } from '../../src/gen/tollgate/v1/content.ts';
import { ollama } from '../../src/plugins/ollama.ts';
import { ollamaBaseUrl } from '../../src/plugins/ollama/base-url.ts';
import { ErrorClass, ProviderError } from '../../src/plugins/provider.ts';
import { expectOrder } from '../answer-contract.ts';
import { collectAnswer, providerErrorOf, type CollectedAnswer } from '../collect-answer.ts';
import { generateRequest } from '../generate-request.ts';
import { mockUpstream, refusingUrl, type MockAnswer, type MockUpstream } from '../mock-upstream.ts';
import { testProvider } from '../provider-contract.ts';
import { providerFixture } from '../provider-fixture.ts';

testProvider({
  provider: ollama,
  model: 'llama3.2:3b',
  upstream: {
    text: { answer: providerFixture('ollama/text.ndjson'), text: 'Grüße, 世界!', usage: { inputTokens: 9n, outputTokens: 6n } },
    withoutUsage: { answer: providerFixture('ollama/without-usage.ndjson') },
    toolCall: {
      answer: providerFixture('ollama/tool-call.ndjson'),
      calls: [{ name: 'weather', arguments: { city: 'Zürich' } }, { name: 'time', arguments: {} }],
    },
    error: { answer: providerFixture('ollama/error.json', { status: 404 }), errorClass: ErrorClass.NOT_FOUND },
    rateLimit: { answer: providerFixture('ollama/rate-limit.json', { status: 429 }) },
    streamError: { answer: providerFixture('ollama/stream-error.ndjson'), errorClass: ErrorClass.SERVER },
  },
});

const signal = (): AbortSignal => AbortSignal.timeout(15_000);
const linesOf = (...lines: readonly unknown[]): MockAnswer => ({
  headers: { 'content-type': 'application/x-ndjson' },
  body: lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
});
const says = (message: unknown) => ({ model: 'm', message, done: false });
const done = (fields: unknown = { done_reason: 'stop' }) => ({ model: 'm', message: { role: 'assistant', content: '' }, done: true, ...(fields as object) });

describe('an answer of Ollama', () => {
  let mock: MockUpstream;
  beforeAll(async () => {
    mock = await mockUpstream();
  });
  afterAll(() => mock.close());
  const answered = (answer: MockAnswer): Promise<CollectedAnswer> => {
    mock.answer(answer);
    return collectAnswer(ollama.generate(generateRequest({ baseUrl: mock.url, model: 'm' }), { signal: signal() }));
  };

  test('keeps thoughts apart and takes calls from any line', async () => {
    const answer = await answered(providerFixture('ollama/tool-call.ndjson'));
    expectOrder(answer);
    expect(answer.parts).toMatchObject([
      { kind: 'reasoning', text: 'Two calls.' },
      { kind: 'toolCall', index: 0, name: 'weather', text: '{"city":"Zürich"}' },
      { kind: 'toolCall', index: 1, id: 'call_b', name: 'time', text: '{}' },
    ]);
    expect(answer.finish).toMatchObject({ finishReason: FinishReason.TOOL_CALL, rawFinishReason: 'stop', responseModel: 'qwen3', usage: { inputTokens: 80n, outputTokens: 33n } });
  });

  test('tells two calls apart that both have the index 0', async () => {
    const calls = ['a', 'b'].map((city) => ({ function: { index: 0, name: 'weather', arguments: { city } } }));
    const answer = await answered(linesOf(says({ tool_calls: calls }), done()));
    expect(answer.toolCalls.map((call) => call.arguments)).toEqual(['{"city":"a"}', '{"city":"b"}']);
  });

  test('is read whole when it comes as one JSON body', async () => {
    const body = JSON.stringify({ model: 'm', message: { role: 'assistant', content: 'All.', thinking: 'Hm.' }, done: true, done_reason: 'stop', eval_count: 2 });
    const answer = await answered({ headers: { 'content-type': 'application/json' }, body });
    expect(answer.error).toBeUndefined();
    expect([answer.reasoning, answer.text]).toEqual(['Hm.', 'All.']);
    expect(answer.finish?.usage).toEqual({ outputTokens: 2n });
  });

  test.each([
    [{ done_reason: 'stop' }, FinishReason.STOP, 'stop'],
    [{ done_reason: 'length' }, FinishReason.LENGTH, 'length'],
    [{ done_reason: 'load' }, FinishReason.OTHER, 'load'],
    [{ done_reason: 'unload' }, FinishReason.OTHER, 'unload'],
    [{}, FinishReason.STOP, ''],
  ])('ends with %o, mapped and raw', async (fields, finishReason, rawFinishReason) => {
    const { finish } = await answered(linesOf(says({ content: 'x' }), done(fields)));
    expect(finish).toMatchObject({ finishReason, rawFinishReason });
  });

  test.each(['cut', 'hold'] as const)('is whole when the connection does not end well behind its end: %s', async (ending) => {
    const answer = await answered({ ...providerFixture('ollama/text.ndjson'), ending });
    expect(answer.error).toBeUndefined();
    expect(answer.text).toBe('Grüße, 世界!');
  });

  test('tells what came before an error line that has no line end', async () => {
    const answer = await answered(providerFixture('ollama/stream-error.ndjson'));
    expect(answer.text).toBe('Half an');
    const error = providerErrorOf(answer);
    expect({ class: error.errorClass, status: error.httpStatus, message: error.message }).toEqual({ class: ErrorClass.SERVER, status: undefined, message: 'an error was encountered while running the model' });
  });

  test.each([
    [429, 'you (me) have reached your weekly usage limit, upgrade for higher limits', ErrorClass.QUOTA],
    [400, '"llama3.2:3b" does not support tools', ErrorClass.INVALID_REQUEST],
    [400, 'the prompt is longer than the context length currently available to the model', ErrorClass.CONTEXT_LENGTH],
    [503, 'server busy, please try again.  maximum pending requests exceeded', ErrorClass.OVERLOADED],
    [401, 'unauthorized', ErrorClass.AUTH],
  ])('with HTTP %i "%s" has its class', async (status, message, errorClass) => {
    const error = providerErrorOf(await answered({ status, body: JSON.stringify({ error: message }) }));
    expect({ class: error.errorClass, message: error.message }).toEqual({ class: errorClass, message });
  });

  test('parity: an NDJSON line split over two reads is not dropped', async () => {
    const { body, headers } = providerFixture('ollama/text.ndjson');
    const answer = await answered({ headers: headers ?? {}, body: [body.subarray(0, 60), body.subarray(60, 300), body.subarray(300)] });
    expect(answer.text).toBe('Grüße, 世界!');
    expect(answer.finish?.usage).toEqual({ inputTokens: 9n, outputTokens: 6n });
  });

  test('parity: a stream cut before its end marker is not a success', async () => {
    const answer = await answered(linesOf(says({ content: 'half' })));
    expect(answer.text).toBe('half');
    expect(providerErrorOf(answer).errorClass).toBe(ErrorClass.TRUNCATED);
  });
});

describe('the address of Ollama', () => {
  test.each([
    ['', 'http://127.0.0.1:11434'],
    ['0.0.0.0', 'http://127.0.0.1:11434'],
    ['0.0.0.0:8080', 'http://127.0.0.1:8080'],
    ['http://0.0.0.0:11434', 'http://127.0.0.1:11434'],
    [':8080', 'http://127.0.0.1:8080'],
    ['::', 'http://[::1]:11434'],
    ['::1', 'http://[::1]:11434'],
    ['[::]:8080', 'http://[::1]:8080'],
    [' box ', 'http://box:11434'],
    ['box:1234', 'http://box:1234'],
    ['box/ollama', 'http://box:11434/ollama'],
    ['localhost', 'http://localhost:11434'],
    ['http://box', 'http://box'],
    ['https://box/ollama/', 'https://box/ollama'],
    ['https://box:8443/a/b//', 'https://box:8443/a/b'],
    ['ollama.com', 'https://ollama.com'],
    ['https://ollama.com', 'https://ollama.com'],
  ])('"%s" is %s', (written, address) => {
    expect(ollamaBaseUrl(written)).toBe(address);
    expect(ollamaBaseUrl(address)).toBe(address);
  });

  test.each(['a b', 'http://', 'box:99999', 'http://user name@'])('"%s" is none, and the error says what to set', (written) => {
    expect(() => ollamaBaseUrl(written)).toThrow(ProviderError);
    expect(() => ollamaBaseUrl(written)).toThrow(/OLLAMA_HOST/);
  });
});

describe('a server of Ollama', () => {
  const instanceAt = (baseUrl: string) => generateRequest({ baseUrl }).instance;

  test('lists its models with what its list says of them, in one question', async () => {
    await using mock = await mockUpstream(providerFixture('ollama/models.json'));
    expect(await ollama.listModels({ instance: instanceAt(mock.url), key: '' }, { signal: signal() })).toEqual([
      { model: 'llama3.2:3b', displayName: '', contextWindow: 131_072n, inputModalities: ['text'], capabilities: ['json_schema', 'tools'], refuses: ['reasoning'] },
      { model: 'gemma3:4b', displayName: '', contextWindow: undefined, inputModalities: ['text', 'image'], capabilities: ['json_schema', 'reasoning'], refuses: ['tools'] },
      { model: 'nomic-embed-text:latest', displayName: '', contextWindow: undefined, inputModalities: ['text'], capabilities: ['embeddings'], refuses: [] },
      { model: 'old:latest', displayName: '', contextWindow: undefined, inputModalities: [], capabilities: [], refuses: [] },
    ]);
    expect(mock.requests.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /api/tags']);
  });

  test('is well without a key when it answers', async () => {
    await using mock = await mockUpstream({ body: '{"version":"0.20.1"}' });
    const check = await ollama.checkKey({ instance: instanceAt(mock.url), key: '' }, { signal: signal() });
    expect(check).toEqual({ verdict: Verdict.VALID, message: 'Ollama 0.20.1 answers, without a key', checkedWith: 'GET /api/version' });
    const absent = await ollama.checkKey({ instance: instanceAt(await refusingUrl()), key: '' }, { signal: signal() });
    expect(absent.verdict).toBe(Verdict.UNKNOWN);
  });

  test.each([
    [200, Verdict.UNKNOWN],
    [401, Verdict.INVALID],
    [500, Verdict.UNKNOWN],
  ])('that answers a key with HTTP %i proves no more than that', async (status, verdict) => {
    await using mock = await mockUpstream({ status, body: '{"models":[]}' });
    expect((await ollama.checkKey({ instance: instanceAt(mock.url), key: 'k-12345678' }, { signal: signal() })).verdict).toBe(verdict);
    expect(mock.requests[0]?.headers.authorization).toBe('Bearer k-12345678');
  });
});
