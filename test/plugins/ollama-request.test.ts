import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ToolChoice_Mode } from '../../src/gen/tollgate/v1/content.ts';
import { ollama } from '../../src/plugins/ollama.ts';
import { ErrorClass, type GenerateRequest } from '../../src/plugins/provider.ts';
import { collectAnswer, providerErrorOf } from '../collect-answer.ts';
import { assistant, generateRequest, part, system, tool, user } from '../generate-request.ts';
import { mockUpstream, type MockRequest, type MockUpstream } from '../mock-upstream.ts';
import { providerFixture } from '../provider-fixture.ts';

type Fields = Partial<Omit<GenerateRequest, 'instance'>>;

let mock: MockUpstream;
beforeAll(async () => {
  mock = await mockUpstream(providerFixture('ollama/text.ndjson'));
});
afterAll(() => mock.close());

const ask = (fields: Fields) => collectAnswer(ollama.generate(generateRequest({ baseUrl: mock.url, model: 'llama3.2:3b', ...fields }), { signal: AbortSignal.timeout(15_000) }));

async function sent(fields: Fields): Promise<{ readonly request: MockRequest; readonly body: unknown; readonly ignored: readonly string[] }> {
  const { ignoredFields: ignored, error } = await ask(fields);
  if (error !== undefined) throw error;
  const request = await mock.nextRequest();
  return { request, body: request.json(), ignored };
}

const weather = { name: 'weather', description: 'Tells the weather', parametersJson: '{"type":"object","properties":{"city":{"type":"string"}}}' };
const call = (id: string, name: string, argumentsJson: string) => part({ $case: 'toolCall', value: { id, name, argumentsJson } });
const result = (toolCallId: string, content: string) => part({ $case: 'toolResult', value: { toolCallId, content, isError: false } });
const thought = (text: string, providerType: string) => part({ $case: 'reasoning', value: { text, signature: '', redactedData: Buffer.alloc(0), providerType } });
const picture = part({ $case: 'image', value: { source: { $case: 'data', value: Buffer.from('png') }, mediaType: 'image/png' } });

describe('a request to Ollama', () => {
  test('asks /api/chat for a stream that does not cut the prompt, without a key', async () => {
    const { request, body, ignored } = await sent({});
    expect(request).toMatchObject({ method: 'POST', path: '/api/chat' });
    expect(request.headers).not.toHaveProperty('authorization');
    expect(ignored).toEqual([]);
    expect(body).toEqual({ model: 'llama3.2:3b', messages: [{ role: 'user', content: 'Hello' }], stream: true, truncate: false });
  });

  test('brings a key as bearer', async () => {
    const { request } = await sent({ key: 'k-123' });
    expect(request.headers.authorization).toBe('Bearer k-123');
  });

  test('carries a conversation with tools, thoughts and pictures', async () => {
    const { body } = await sent({
      messages: [
        system('Be brief.'),
        user('Look:', picture, 'What is it?'),
        assistant(thought('Hm.', 'ollama'), thought('foreign', 'anthropic'), 'Let me', ' see.', call('call_1', 'weather', '{"city":"Zürich"}'), call('call_2', 'time', '')),
        tool(result('call_1', 'rain'), picture, result('call_2', 'noon')),
      ],
      tools: [weather, { name: 'time', description: '', parametersJson: '' }],
    });
    expect(body).toMatchInlineSnapshot(`
      {
        "messages": [
          {
            "content": "Be brief.",
            "role": "system",
          },
          {
            "content": "Look:
      What is it?",
            "images": [
              "cG5n",
            ],
            "role": "user",
          },
          {
            "content": "Let me see.",
            "role": "assistant",
            "thinking": "Hm.",
            "tool_calls": [
              {
                "function": {
                  "arguments": {
                    "city": "Zürich",
                  },
                  "name": "weather",
                },
                "id": "call_1",
              },
              {
                "function": {
                  "arguments": {},
                  "name": "time",
                },
                "id": "call_2",
              },
            ],
          },
          {
            "content": "rain",
            "images": [
              "cG5n",
            ],
            "role": "tool",
            "tool_call_id": "call_1",
            "tool_name": "weather",
          },
          {
            "content": "noon",
            "role": "tool",
            "tool_call_id": "call_2",
            "tool_name": "time",
          },
        ],
        "model": "llama3.2:3b",
        "stream": true,
        "tools": [
          {
            "function": {
              "description": "Tells the weather",
              "name": "weather",
              "parameters": {
                "properties": {
                  "city": {
                    "type": "string",
                  },
                },
                "type": "object",
              },
            },
            "type": "function",
          },
          {
            "function": {
              "name": "time",
              "parameters": {
                "properties": {},
                "type": "object",
              },
            },
            "type": "function",
          },
        ],
        "truncate": false,
      }
    `);
  });

  test('puts every sampling field among the options, a large seed exactly', async () => {
    const { request, body } = await sent({ maxOutputTokens: 50, temperature: 0, topP: 0.5, topK: 3, seed: 9_007_199_254_740_993n, stopSequences: ['END'] });
    expect(body).toMatchObject({ options: { num_predict: 50, temperature: 0, top_p: 0.5, top_k: 3, stop: ['END'] } });
    expect(request.body).toContain('"seed":9007199254740993');
  });

  test('merges the caller’s own fields in', async () => {
    const { body } = await sent({ temperature: 0.5, providerOptionsJson: { ollama: '{"options":{"num_ctx":32768},"keep_alive":"1h","truncate":true}', openai: '{"store":true}' } });
    expect(body).toMatchObject({ options: { temperature: 0.5, num_ctx: 32768 }, keep_alive: '1h', truncate: true });
    expect(body).not.toHaveProperty('store');
  });

  test.each<[string, Fields, unknown]>([
    ['no word', { reasoning: { effort: '', maxReasoningTokens: undefined } }, {}],
    ['none', { reasoning: { effort: 'none', maxReasoningTokens: undefined } }, { think: false }],
    ['high', { reasoning: { effort: 'high', maxReasoningTokens: undefined } }, { think: 'high' }],
    ['minimal', { reasoning: { effort: 'minimal', maxReasoningTokens: undefined } }, { think: 'low' }],
    ['a limit of 0', { reasoning: { effort: '', maxReasoningTokens: 0 } }, { think: false }],
    ['a limit', { reasoning: { effort: '', maxReasoningTokens: 500 } }, { think: true }],
  ])('says how much to think for %s', async (_what, fields, expected) => {
    const { body } = await sent(fields);
    const { think } = body as { think?: unknown };
    expect(think === undefined ? {} : { think }).toEqual(expected);
  });

  test('says which limit it leaves out', async () => {
    const { ignored } = await sent({ reasoning: { effort: '', maxReasoningTokens: 500 } });
    expect(ignored).toEqual(['reasoning.max_reasoning_tokens']);
  });

  test('asks for JSON, and for a schema byte for byte', async () => {
    const json = await sent({ responseFormat: { format: { $case: 'json', value: {} } } });
    expect(json.body).toMatchObject({ format: 'json' });
    const schema = await sent({ responseFormat: { format: { $case: 'jsonSchema', value: { name: 'x', schemaJson: '{"b" :1,\n"a":2}', strict: true } } } });
    expect(schema.request.body).toContain('"format":{"b" :1,\n"a":2}');
  });

  test('shows no tools to a model that may call none', async () => {
    const { body } = await sent({ tools: [weather], toolChoice: { choice: { $case: 'mode', value: ToolChoice_Mode.NONE } } });
    expect(body).not.toHaveProperty('tools');
  });

  test.each<[string, Fields]>([
    ['messages[0].parts[1].image.url', { messages: [user('x', part({ $case: 'image', value: { source: { $case: 'url', value: 'https://example.org/cat.jpg' }, mediaType: '' } }))] }],
    ['messages[1].parts[0].tool_call.arguments_json', { messages: [user('x'), assistant(call('a', 'weather', '{"city": "Zü')), tool(result('a', 'y'))] }],
    ['tool_choice', { tools: [weather], toolChoice: { choice: { $case: 'mode', value: ToolChoice_Mode.REQUIRED } } }],
    ['tool_choice', { tools: [weather], toolChoice: { choice: { $case: 'toolName', value: 'weather' } } }],
    ['tools[0].parameters_json', { tools: [{ ...weather, parametersJson: 'x' }] }],
    ['response_format.json_schema.schema_json', { responseFormat: { format: { $case: 'jsonSchema', value: { name: '', schemaJson: '', strict: false } } } }],
    ['provider_options_json["ollama"]', { providerOptionsJson: { ollama: '[]' } }],
  ])('is refused before it is sent, naming %s', async (field, fields) => {
    const before = mock.requests.length;
    const error = providerErrorOf(await ask(fields));
    expect({ class: error.errorClass, code: error.code }).toEqual({ class: ErrorClass.UNSUPPORTED, code: field });
    expect(mock.requests.length).toBe(before);
  });
});
