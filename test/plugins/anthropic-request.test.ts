import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ToolChoice_Mode } from '../../src/gen/tollgate/v1/content.ts';
import { anthropic } from '../../src/plugins/anthropic.ts';
import { ErrorClass, type GenerateRequest } from '../../src/plugins/provider.ts';
import { collectAnswer, providerErrorOf } from '../collect-answer.ts';
import { assistant, generateRequest, part, system, tool, user } from '../generate-request.ts';
import { mockUpstream, type MockRequest, type MockUpstream } from '../mock-upstream.ts';
import { providerFixture } from '../provider-fixture.ts';

type Fields = Partial<Omit<GenerateRequest, 'instance'>> & { readonly settings?: Readonly<Record<string, string>> };

let mock: MockUpstream;
beforeAll(async () => {
  mock = await mockUpstream(providerFixture('anthropic/text.sse'));
});
afterAll(() => mock.close());

async function sent(fields: Fields): Promise<{ readonly request: MockRequest; readonly body: unknown; readonly ignored: readonly string[] }> {
  const request = generateRequest({ baseUrl: mock.url, key: 'sk-ant-api03-x', model: 'claude-sonnet-4-5', ...fields });
  const { ignoredFields: ignored, error } = await collectAnswer(anthropic.generate(request, { signal: AbortSignal.timeout(15_000) }));
  if (error !== undefined) throw error;
  const asked = await mock.nextRequest();
  return { request: asked, body: asked.json(), ignored };
}

async function refused(fields: Fields): Promise<unknown> {
  const before = mock.requests.length;
  const request = generateRequest({ baseUrl: mock.url, key: 'k', model: 'claude-sonnet-4-5', ...fields });
  const answer = await collectAnswer(anthropic.generate(request, { signal: AbortSignal.timeout(15_000) }));
  const error = providerErrorOf(answer);
  expect(error.errorClass).toBe(ErrorClass.UNSUPPORTED);
  expect(answer.order).toEqual([]);
  expect(mock.requests.length).toBe(before);
  return error.code;
}

const call = (id: string, name: string, argumentsJson: string) => part({ $case: 'toolCall', value: { id, name, argumentsJson } });
const result = (toolCallId: string, content: string, isError = false) => part({ $case: 'toolResult', value: { toolCallId, content, isError } });
const thought = (value: { text?: string; signature?: string; redactedData?: Buffer; providerType?: string }) =>
  part({ $case: 'reasoning', value: { text: '', signature: '', redactedData: Buffer.alloc(0), providerType: 'anthropic', ...value } });
const picture = part({ $case: 'image', value: { source: { $case: 'data', value: Buffer.from('png') }, mediaType: 'image/png' } });
const linked = part({ $case: 'image', value: { source: { $case: 'url', value: 'https://example.org/cat.jpg' }, mediaType: '' } });
const weather = { name: 'weather', description: 'Tells the weather', parametersJson: '{"type":"object","properties":{"city":{"type":"string"}}}' };

describe('a request to Anthropic', () => {
  test('asks the Messages API for a stream, with the key in its own header', async () => {
    const { request, body, ignored } = await sent({});
    expect(request).toMatchObject({ method: 'POST', path: '/v1/messages', headers: { 'x-api-key': 'sk-ant-api03-x', 'anthropic-version': '2023-06-01', 'content-type': 'application/json' } });
    expect(request.headers).not.toHaveProperty('anthropic-beta');
    expect(ignored).toEqual([]);
    expect(body).toMatchInlineSnapshot(`
      {
        "max_tokens": 64000,
        "messages": [
          {
            "content": [
              {
                "text": "Hello",
                "type": "text",
              },
            ],
            "role": "user",
          },
        ],
        "model": "claude-sonnet-4-5",
        "stream": true,
      }
    `);
  });

  test("parity: Anthropic's second system message and its temperature are kept", async () => {
    const { body, ignored } = await sent({ messages: [system('One.', 'Two.'), user('Hello'), system('Three.'), user('again')], temperature: 0.3 });
    expect(ignored).toEqual([]);
    expect(body).toMatchObject({
      system: [
        { type: 'text', text: 'One.' },
        { type: 'text', text: 'Two.' },
        { type: 'text', text: 'Three.' },
      ],
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }, { type: 'text', text: 'again' }] }],
      temperature: 0.3,
    });
  });

  test('carries a conversation with tools, thoughts and pictures', async () => {
    const { body } = await sent({
      messages: [
        user('Look:', picture, linked),
        assistant(thought({ text: 'Hm.', signature: 'c2ln' }), thought({ redactedData: Buffer.from('aGlk/+=') }), thought({ text: 'foreign', signature: 'x', providerType: 'google' }), thought({ text: 'unsigned' }), '  ', 'Let me see.', call('toolu_1', 'weather', '{"city":  "Zürich", "id": 12345678901234567890}'), call('functions.time:0', 'time', '')),
        tool(result('toolu_1', 'rain', true), picture, result('functions.time:0', '')),
        user('And now?'),
      ],
      tools: [weather, { name: 'time', description: '', parametersJson: '' }],
    });
    expect(body).toMatchInlineSnapshot(`
      {
        "max_tokens": 64000,
        "messages": [
          {
            "content": [
              {
                "text": "Look:",
                "type": "text",
              },
              {
                "source": {
                  "data": "cG5n",
                  "media_type": "image/png",
                  "type": "base64",
                },
                "type": "image",
              },
              {
                "source": {
                  "type": "url",
                  "url": "https://example.org/cat.jpg",
                },
                "type": "image",
              },
            ],
            "role": "user",
          },
          {
            "content": [
              {
                "signature": "c2ln",
                "thinking": "Hm.",
                "type": "thinking",
              },
              {
                "data": "aGlk/+=",
                "type": "redacted_thinking",
              },
              {
                "text": "Let me see.",
                "type": "text",
              },
              {
                "id": "toolu_1",
                "input": {
                  "city": "Zürich",
                  "id": 12345678901234567000,
                },
                "name": "weather",
                "type": "tool_use",
              },
              {
                "id": "functions_time_0",
                "input": {},
                "name": "time",
                "type": "tool_use",
              },
            ],
            "role": "assistant",
          },
          {
            "content": [
              {
                "content": [
                  {
                    "text": "rain",
                    "type": "text",
                  },
                  {
                    "source": {
                      "data": "cG5n",
                      "media_type": "image/png",
                      "type": "base64",
                    },
                    "type": "image",
                  },
                ],
                "is_error": true,
                "tool_use_id": "toolu_1",
                "type": "tool_result",
              },
              {
                "tool_use_id": "functions_time_0",
                "type": "tool_result",
              },
              {
                "text": "And now?",
                "type": "text",
              },
            ],
            "role": "user",
          },
        ],
        "model": "claude-sonnet-4-5",
        "stream": true,
        "tools": [
          {
            "description": "Tells the weather",
            "input_schema": {
              "properties": {
                "city": {
                  "type": "string",
                },
              },
              "type": "object",
            },
            "name": "weather",
          },
          {
            "input_schema": {
              "properties": {},
              "type": "object",
            },
            "name": "time",
          },
        ],
      }
    `);
  });

  test('sends JSON that is not ours byte for byte', async () => {
    const { request } = await sent({
      messages: [user('x'), assistant(call('a', 'weather', '{"id": 12345678901234567890}')), tool(result('a', 'y'))],
      tools: [{ ...weather, parametersJson: '{ "type":"object", "maximum": 1e400 }' }],
      responseFormat: { format: { $case: 'jsonSchema', value: { name: '', schemaJson: '{"b" :1,\n"a":2}', strict: true } } },
    });
    expect(request.body).toContain('"input":{"id": 12345678901234567890}');
    expect(request.body).toContain('"input_schema":{ "type":"object", "maximum": 1e400 }');
    expect(request.body).toContain('"schema":{"b" :1,\n"a":2}');
  });

  test('gives back what a part of an earlier answer has to bring along', async () => {
    const block = { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [{ encrypted_content: 'ZW5j' }] };
    const metadata = (fields: unknown) => ({ anthropic: JSON.stringify(fields), openai: '{"not":"ours"}' });
    const { body } = await sent({
      messages: [
        user(part({ $case: 'text', value: 'A long document' }, metadata({ cache_control: { type: 'ephemeral' } }))),
        assistant(part({ $case: 'text', value: '' }, metadata({ block })), part({ $case: 'text', value: 'It rains.' }, metadata({ citations: [{ cited_text: 'rain' }] }))),
        user('Sure?'),
      ],
    });
    expect(body).toMatchObject({
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'A long document', cache_control: { type: 'ephemeral' } }] },
        { role: 'assistant', content: [block, { type: 'text', text: 'It rains.', citations: [{ cited_text: 'rain' }] }] },
        { role: 'user', content: [{ type: 'text', text: 'Sure?' }] },
      ],
    });
  });

  test.each([
    [{ $case: 'mode' as const, value: ToolChoice_Mode.AUTO }, undefined],
    [{ $case: 'mode' as const, value: ToolChoice_Mode.NONE }, { type: 'none' }],
    [{ $case: 'mode' as const, value: ToolChoice_Mode.REQUIRED }, { type: 'any' }],
    [{ $case: 'toolName' as const, value: 'weather' }, { type: 'tool', name: 'weather' }],
  ])('says the tool choice %o in its words', async (choice, expected) => {
    const { body } = await sent({ tools: [weather], toolChoice: { choice } });
    expect((body as { tool_choice?: unknown }).tool_choice).toEqual(expected);
  });

  test('merges the caller’s own fields in, and leaves other plugins’ out', async () => {
    const { body, request } = await sent({
      settings: { beta: 'context-1m-2025-08-07' },
      reasoning: { effort: 'high', maxReasoningTokens: undefined },
      model: 'claude-opus-5',
      providerOptionsJson: { anthropic: '{"output_config":{"task":1},"metadata":{"user_id":"u"}}', openai: '{"store":true}' },
    });
    expect(request.headers['anthropic-beta']).toBe('context-1m-2025-08-07');
    expect(body).toMatchObject({ output_config: { effort: 'high', task: 1 }, metadata: { user_id: 'u' } });
    expect(body).not.toHaveProperty('store');
  });

  test.each<[string, Fields]>([
    ['messages[1].parts[0].tool_call.arguments_json', { messages: [user('x'), assistant(call('a', 'weather', '{"city": "Zü')), tool(result('a', 'y'))] }],
    ['messages[1].parts[0].tool_call.arguments_json', { messages: [user('x'), assistant(call('a', 'weather', '[1]')), tool(result('a', 'y'))] }],
    ['tools[0].parameters_json', { tools: [{ ...weather, parametersJson: '{' }] }],
    ['response_format.json', { responseFormat: { format: { $case: 'json', value: {} } } }],
    ['response_format.json_schema', { model: 'claude-sonnet-4-20250514', responseFormat: { format: { $case: 'jsonSchema', value: { name: '', schemaJson: '{}', strict: false } } } }],
    ['provider_options_json["anthropic"]', { providerOptionsJson: { anthropic: 'max_tokens' } }],
    ['messages[0].parts[0].provider_metadata_json["anthropic"]', { messages: [user(part({ $case: 'text', value: 'x' }, { anthropic: '[]' }))] }],
    ['reasoning.effort', { reasoning: { effort: 'gigantic', maxReasoningTokens: undefined } }],
  ])('is refused before it is sent, naming %s', async (field, fields) => {
    expect(await refused(fields)).toBe(field);
  });
});
