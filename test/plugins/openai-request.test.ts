import { describe, expect, test } from 'vitest';
import { ToolChoice_Mode as Mode } from '../../src/gen/tollgate/v1/content.ts';
import { openai } from '../../src/plugins/openai.ts';
import { ErrorClass } from '../../src/plugins/provider.ts';
import { askProvider } from '../ask-provider.ts';
import { providerErrorOf } from '../collect-answer.ts';
import { assistant, part, system, tool, user } from '../generate-request.ts';
import { providerFixture } from '../provider-fixture.ts';

const text = providerFixture('openai/text.sse');
const weather = { name: 'weather', description: 'Tells the weather.', parametersJson: '{"type":"object", "properties":{"city":{"type":"string"}}}' };

describe('what the chat completions of openai are asked', () => {
  test('is a streamed chat completion with usage and without obfuscation', async () => {
    const { requests, body } = await askProvider(openai, text, {
      model: 'gpt-4.1-mini',
      messages: [system('Be brief.'), system('Answer in French.'), user('Hello')],
      maxOutputTokens: 100,
      temperature: 0.5,
      topP: 0.9,
      stopSequences: ['END'],
      seed: 9_007_199_254_740_993n,
    });
    expect([requests[0]?.method, requests[0]?.path, requests[0]?.headers.authorization]).toEqual(['POST', '/chat/completions', 'Bearer sk-test']);
    expect(requests[0]?.body).toContain('"seed":9007199254740993');
    expect(body).toMatchInlineSnapshot(`
      {
        "max_completion_tokens": 100,
        "messages": [
          {
            "content": "Be brief.",
            "role": "system",
          },
          {
            "content": "Answer in French.",
            "role": "system",
          },
          {
            "content": "Hello",
            "role": "user",
          },
        ],
        "model": "gpt-4.1-mini",
        "seed": 9007199254740992,
        "stop": [
          "END",
        ],
        "stream": true,
        "stream_options": {
          "include_obfuscation": false,
          "include_usage": true,
        },
        "temperature": 0.5,
        "top_p": 0.9,
      }
    `);
  });

  test('names organization and project when they are set', async () => {
    const { requests } = await askProvider(openai, text, { settings: { organization: 'org-1', project: 'proj_1' } });
    expect(requests[0]?.headers).toMatchObject({ 'openai-organization': 'org-1', 'openai-project': 'proj_1' });
    const plain = await askProvider(openai, text);
    expect(Object.keys(plain.requests[0]?.headers ?? {})).not.toContain('openai-organization');
  });

  test('has pictures as data or as their address', async () => {
    const { body } = await askProvider(openai, text, {
      messages: [
        user(
          'What is this?',
          part({ $case: 'image', value: { source: { $case: 'data', value: Buffer.from('png') }, mediaType: 'image/png' } }),
          part({ $case: 'image', value: { source: { $case: 'url', value: 'https://example.com/a.png' }, mediaType: '' } }),
        ),
      ],
    });
    expect(body).toMatchInlineSnapshot(`
      {
        "messages": [
          {
            "content": [
              {
                "text": "What is this?",
                "type": "text",
              },
              {
                "image_url": {
                  "url": "data:image/png;base64,cG5n",
                },
                "type": "image_url",
              },
              {
                "image_url": {
                  "url": "https://example.com/a.png",
                },
                "type": "image_url",
              },
            ],
            "role": "user",
          },
        ],
        "model": "test-model",
        "stream": true,
        "stream_options": {
          "include_obfuscation": false,
          "include_usage": true,
        },
      }
    `);
  });

  test('has tools, their schemas byte for byte, and the conversation about them', async () => {
    const { requests, body } = await askProvider(openai, text, {
      messages: [
        user('Weather?'),
        assistant(
          part({ $case: 'reasoning', value: { text: 'secret', signature: '', redactedData: Buffer.alloc(0), providerType: 'anthropic' } }),
          part({ $case: 'toolCall', value: { id: 'call_1', name: 'weather', argumentsJson: '{"city":"Köln"}' } }),
          part({ $case: 'toolCall', value: { id: 'call_2', name: 'time', argumentsJson: '' } }),
        ),
        tool(
          part({ $case: 'toolResult', value: { toolCallId: 'call_1', content: 'rain', isError: false } }),
          part({ $case: 'toolResult', value: { toolCallId: 'call_2', content: 'no clock', isError: true } }),
        ),
        assistant('It rains.', part({ $case: 'refusal', value: 'No time.' })),
      ],
      tools: [weather, { name: 'time', description: '', parametersJson: '' }],
      toolChoice: { choice: { $case: 'mode', value: Mode.REQUIRED } },
    });
    expect(requests[0]?.body).toContain(`"parameters":${weather.parametersJson}`);
    expect(body).toMatchInlineSnapshot(`
      {
        "messages": [
          {
            "content": "Weather?",
            "role": "user",
          },
          {
            "content": null,
            "role": "assistant",
            "tool_calls": [
              {
                "function": {
                  "arguments": "{"city":"Köln"}",
                  "name": "weather",
                },
                "id": "call_1",
                "type": "function",
              },
              {
                "function": {
                  "arguments": "{}",
                  "name": "time",
                },
                "id": "call_2",
                "type": "function",
              },
            ],
          },
          {
            "content": "rain",
            "role": "tool",
            "tool_call_id": "call_1",
          },
          {
            "content": "no clock",
            "role": "tool",
            "tool_call_id": "call_2",
          },
          {
            "content": "It rains.",
            "refusal": "No time.",
            "role": "assistant",
          },
        ],
        "model": "test-model",
        "stream": true,
        "stream_options": {
          "include_obfuscation": false,
          "include_usage": true,
        },
        "tool_choice": "required",
        "tools": [
          {
            "function": {
              "description": "Tells the weather.",
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
      }
    `);
  });

  test.each([
    [{ $case: 'mode', value: Mode.AUTO } as const, 'auto'],
    [{ $case: 'mode', value: Mode.NONE } as const, 'none'],
    [{ $case: 'mode', value: Mode.REQUIRED } as const, 'required'],
    [{ $case: 'toolName', value: 'weather' } as const, { type: 'function', function: { name: 'weather' } }],
  ])('has the tool choice %j', async (choice, sent) => {
    const { body } = await askProvider(openai, text, { tools: [weather], toolChoice: { choice } });
    expect(body).toMatchObject({ tool_choice: sent });
  });

  test('has no word of tools where there are none', async () => {
    const { body } = await askProvider(openai, text, { toolChoice: { choice: { $case: 'mode', value: Mode.NONE } } });
    expect(Object.keys(body as object)).toEqual(['model', 'messages', 'stream', 'stream_options']);
  });

  test('has the response schema byte for byte', async () => {
    const schemaJson = '{"type": "object", "required": ["a"], "properties": {"a": {"const": 1.0}}}';
    const { requests, body } = await askProvider(openai, text, { responseFormat: { format: { $case: 'jsonSchema', value: { name: '', schemaJson, strict: true } } } });
    expect(requests[0]?.body).toContain(`"schema":${schemaJson}`);
    expect(body).toMatchObject({ response_format: { type: 'json_schema', json_schema: { name: 'response', strict: true } } });
    const json = await askProvider(openai, text, { responseFormat: { format: { $case: 'json', value: {} } } });
    expect(json.body).toMatchObject({ response_format: { type: 'json_object' } });
  });

  test('merges the provider options of its own type last', async () => {
    const { body } = await askProvider(openai, text, {
      providerOptionsJson: { openai: '{"service_tier":"flex","stream_options":{"include_obfuscation":true}}', together: '{"top_k":1}' },
    });
    expect(body).toMatchInlineSnapshot(`
      {
        "messages": [
          {
            "content": "Hello",
            "role": "user",
          },
        ],
        "model": "test-model",
        "service_tier": "flex",
        "stream": true,
        "stream_options": {
          "include_obfuscation": true,
          "include_usage": true,
        },
      }
    `);
  });

  test.each(['o3', 'o4-mini', 'gpt-5', 'gpt-5-nano-2025-08-07', 'gpt-5.1', 'ft:gpt-5:acme::1'])('calls system messages of %s developer messages', async (model) => {
    const { body } = await askProvider(openai, text, { model, settings: { api: 'chat' }, messages: [system('Be brief.'), user('Hello')], reasoning: { effort: 'low' } });
    expect(body).toMatchObject({ messages: [{ role: 'developer' }, { role: 'user' }], reasoning_effort: 'low' });
  });

  test.each(['gpt-4o', 'gpt-4.1', 'gpt-5-chat-latest', 'gpt-5.1-chat-latest', 'chatgpt-4o-latest'])('takes sampling options for %s', async (model) => {
    const { body } = await askProvider(openai, text, { model, temperature: 1, messages: [system('Be brief.'), user('Hello')] });
    expect(body).toMatchObject({ temperature: 1, messages: [{ role: 'system' }, { role: 'user' }] });
  });

  test('takes sampling options for a model that reasons and is told not to', async () => {
    const { body } = await askProvider(openai, text, { model: 'gpt-5.2', settings: { api: 'chat' }, temperature: 1, topP: 0.5, reasoning: { effort: 'none' } });
    expect(body).toMatchObject({ temperature: 1, top_p: 0.5, reasoning_effort: 'none' });
  });
});

describe('what the chat completions of openai cannot be asked', () => {
  test.each([
    ['temperature', { model: 'o3', temperature: 1 }],
    ['top_p', { model: 'gpt-5', topP: 0.5, reasoning: { effort: 'none' } }],
    ['temperature', { model: 'gpt-5.1', temperature: 1 }],
    ['top_k', { topK: 40 }],
    ['reasoning.max_reasoning_tokens', { model: 'o3', reasoning: { effort: '', maxReasoningTokens: 100 } }],
    ['tool_choice', { toolChoice: { choice: { $case: 'mode', value: Mode.REQUIRED } } }],
    ['tools[0].parameters_json', { tools: [{ ...weather, parametersJson: '{"a":' }] }],
    ['provider_options_json["openai"]', { providerOptionsJson: { openai: '[]' } }],
    [
      'messages[0].parts[0].image',
      { messages: [tool(part({ $case: 'image', value: { source: { $case: 'url', value: 'https://example.com/a.png' }, mediaType: '' } }))] },
    ],
  ] as const)('is named: %s', async (field, fields) => {
    const { requests, answer } = await askProvider(openai, text, { settings: { api: 'chat' }, ...(fields as object) });
    expect(requests).toEqual([]);
    const error = providerErrorOf(answer);
    expect({ class: error.errorClass, code: error.code }).toEqual({ class: ErrorClass.UNSUPPORTED, code: field });
  });
});
