import { describe, expect, test } from 'vitest';
import { FinishReason } from '../../src/gen/tollgate/v1/content.ts';
import { openaiCompatible } from '../../src/plugins/openai-compatible.ts';
import { ErrorClass } from '../../src/plugins/provider.ts';
import { askProvider, chunk, sse } from '../ask-provider.ts';
import { providerErrorOf } from '../collect-answer.ts';
import type { MockAnswer } from '../mock-upstream.ts';

/** What a server is known for, the settings that an instance of it has, and what then comes of its answers. */
interface Server {
  readonly settings: Readonly<Record<string, string>>;
  readonly sends: object;
  readonly answer: MockAnswer;
  readonly reads: object;
  readonly finish: object;
}

const usage = { usage: { prompt_tokens: 8, completion_tokens: 3, total_tokens: 11 } };
const counted = { inputTokens: 8n, outputTokens: 3n };
const ended = { finishReason: FinishReason.STOP, rawFinishReason: 'stop', usage: counted };
const asksUsage = { max_tokens: 9, stream_options: { include_usage: true } };

const crlf = (answer: MockAnswer): MockAnswer => ({ ...answer, body: String(answer.body).replaceAll('\n', '\r\n') });

const SERVERS: Readonly<Record<string, Server>> = {
  'vLLM, which has its thoughts in "reasoning", and usage in a chunk of its own': {
    settings: { key_required: 'false' },
    sends: asksUsage,
    answer: sse(chunk({ role: 'assistant', content: '' }), chunk({ reasoning: 'hm' }), chunk({ content: '4' }), chunk({}, 'stop', { stop_reason: null }), { choices: [], ...usage }, '[DONE]'),
    reads: { text: '4', reasoning: 'hm' },
    finish: ended,
  },
  'vLLM of last year, which has them in "reasoning_content"': {
    settings: {},
    sends: asksUsage,
    answer: sse(chunk({ reasoning_content: 'hm' }), chunk({ content: '4' }), chunk({}, 'stop'), { choices: [], ...usage }, '[DONE]'),
    reads: { text: '4', reasoning: 'hm' },
    finish: ended,
  },
  'llama.cpp, with its timings': {
    settings: { key_required: 'false' },
    sends: asksUsage,
    answer: sse(
      { choices: [{ finish_reason: null, index: 0, delta: { role: 'assistant', content: null } }], model: 'gpt-oss-20b' },
      chunk({ reasoning_content: 'hm' }),
      chunk({ content: '4' }),
      chunk({}, 'stop'),
      { choices: [], ...usage, timings: { cache_n: 138, prompt_n: 1, predicted_n: 42 } },
      '[DONE]',
    ),
    reads: { text: '4', reasoning: 'hm' },
    finish: ended,
  },
  'LM Studio, with thoughts where it is told to put them, and no name for the model': {
    settings: { key_required: 'false', reasoning_field: 'reasoning' },
    sends: asksUsage,
    answer: sse({ ...(chunk({ role: 'assistant', reasoning: 'hm' }) as object), model: '' }, chunk({ content: '4' }), chunk({}, 'stop'), { choices: [], ...usage }, '[DONE]'),
    reads: { text: '4', reasoning: 'hm' },
    finish: { ...ended, responseModel: '' },
  },
  'Perplexity, which repeats the whole message, counts in every chunk, and ends without a mark': {
    settings: {},
    sends: asksUsage,
    answer: crlf(
      sse(
        { choices: [{ index: 0, message: { role: 'assistant', content: '1 ' }, delta: { role: 'assistant', content: '1 ' } }], usage: { prompt_tokens: 8, completion_tokens: 1 } },
        { choices: [{ index: 0, message: { role: 'assistant', content: '1 2' }, delta: { role: 'assistant', content: '2' } }], usage: { prompt_tokens: 8, completion_tokens: 2 } },
        {
          object: 'chat.completion.done',
          choices: [{ index: 0, message: { role: 'assistant', content: '1 2' }, delta: { role: 'assistant', content: '' }, finish_reason: 'stop' }],
          usage: { prompt_tokens: 8, completion_tokens: 3, search_context_size: 'low', cost: { request_cost: 0.005, total_cost: 0.00502 } },
        },
      ),
    ),
    reads: { text: '1 2' },
    finish: { ...ended, reportedCostPicoUsd: 5_020_000_000n },
  },
  'Hugging Face, whose models end with words of their own': {
    settings: {},
    sends: asksUsage,
    answer: sse(chunk({ role: 'assistant', content: '4', tool_call_id: null }), chunk({ content: '' }, 'eos_token', usage), '[DONE]'),
    reads: { text: '4' },
    finish: { ...ended, rawFinishReason: 'eos_token' },
  },
  'Z.ai, which ends a filtered answer with a word of its own': {
    settings: {},
    sends: asksUsage,
    answer: sse(chunk({ role: 'assistant', reasoning_content: 'hm' }), chunk({ role: 'assistant', content: '' }, 'sensitive', usage), '[DONE]'),
    reads: { text: '', reasoning: 'hm' },
    finish: { finishReason: FinishReason.CONTENT_FILTER, rawFinishReason: 'sensitive', usage: counted },
  },
  'Z.ai, whose model has no more room': {
    settings: {},
    sends: asksUsage,
    answer: sse(chunk({ content: '4' }, 'model_context_window_exceeded', usage), '[DONE]'),
    reads: { text: '4' },
    finish: { finishReason: FinishReason.LENGTH, usage: counted },
  },
  'a server that refuses what it does not know': {
    settings: { strict_fields: 'true', max_tokens_field: 'max_completion_tokens' },
    sends: { max_completion_tokens: 9 },
    answer: sse(chunk({ content: '4' }, 'stop', usage), '[DONE]'),
    reads: { text: '4' },
    finish: ended,
  },
  'a server that knows nothing of usage': {
    settings: { include_usage: 'off' },
    sends: { max_tokens: 9 },
    answer: sse(chunk({ content: '4' }, 'stop'), '[DONE]'),
    reads: { text: '4' },
    finish: { finishReason: FinishReason.STOP, usage: undefined },
  },
};

describe('a server that is compatible in its own way', () => {
  test.each(Object.entries(SERVERS))('%s', async (_name, { settings, sends, answer: given, reads, finish }) => {
    const { body, answer } = await askProvider(openaiCompatible, given, { settings, maxOutputTokens: 9 });
    expect(body).toEqual({ model: 'test-model', messages: [{ role: 'user', content: 'Hello' }], stream: true, ...sends });
    expect(answer.error).toBeUndefined();
    expect(answer).toMatchObject({ ...reads, finish });
  });

  test('may lose its own connection in the middle, and says so at the end', async () => {
    const { answer } = await askProvider(openaiCompatible, sse(chunk({ content: '4' }), chunk({}, 'network_error', usage), '[DONE]'));
    expect(providerErrorOf(answer)).toMatchObject({ errorClass: ErrorClass.SERVER, code: 'network_error', usage: counted });
  });

  test('tells an error in the middle in the words of LM Studio', async () => {
    const { answer } = await askProvider(openaiCompatible, { body: `data: ${JSON.stringify(chunk({ content: '4' }))}\n\nevent: error\ndata: {"error":{"message":"The model has crashed."}}\n\n` });
    expect([answer.text, providerErrorOf(answer).message]).toEqual(['4', 'The model has crashed.']);
  });

  test('may write its thoughts into the text, where they stay', async () => {
    const { answer } = await askProvider(openaiCompatible, sse(chunk({ content: '<think>hm</think>' }), chunk({ content: '4' }, 'stop'), '[DONE]'), { settings: { reasoning_field: 'reasoning' } });
    expect([answer.text, answer.reasoning]).toEqual(['<think>hm</think>4', '']);
  });
});
