import { describe, expect, test } from 'vitest';
import { ToolChoice_Mode as Mode } from '../../src/gen/tollgate/v1/content.ts';
import { openai } from '../../src/plugins/openai.ts';
import { ErrorClass } from '../../src/plugins/provider.ts';
import { askProvider, type Asked } from '../ask-provider.ts';
import { providerErrorOf } from '../collect-answer.ts';
import { assistant, part, system, tool, user, type RequestOptions } from '../generate-request.ts';
import { providerFixture } from '../provider-fixture.ts';

const text = providerFixture('openai/responses-text.sse');
const weather = { name: 'weather', description: 'Tells the weather.', parametersJson: '{"type":"object", "properties":{"city":{"type":"string"}}}' };
const ask = (options: Partial<RequestOptions> = {}): Promise<Asked> => askProvider(openai, text, { model: 'gpt-5-mini', ...options });

const call = (id: string) => part({ $case: 'toolCall', value: { id, name: 'weather', argumentsJson: '{"city":"Köln"}' } });
const inputOf = ({ body }: Asked): unknown => (body as { input: unknown }).input;

describe('what the Responses API of openai is asked', () => {
  test('is a streamed response that is not kept, with its thoughts encrypted', async () => {
    const { requests, body, answer } = await ask({
      messages: [system('Be brief.'), system('Answer in French.'), user('Hello')],
      maxOutputTokens: 100,
      seed: 7n,
      reasoning: { effort: 'low' },
    });
    expect([requests[0]?.method, requests[0]?.path, requests[0]?.headers.authorization]).toEqual(['POST', '/responses', 'Bearer sk-test']);
    expect(answer.ignoredFields).toEqual(['seed']);
    expect(body).toMatchInlineSnapshot(`
      {
        "include": [
          "reasoning.encrypted_content",
        ],
        "input": [
          {
            "content": "Be brief.",
            "role": "developer",
          },
          {
            "content": "Answer in French.",
            "role": "developer",
          },
          {
            "content": "Hello",
            "role": "user",
          },
        ],
        "max_output_tokens": 100,
        "model": "gpt-5-mini",
        "reasoning": {
          "effort": "low",
          "summary": "auto",
        },
        "store": false,
        "stream": true,
        "stream_options": {
          "include_obfuscation": false,
        },
      }
    `);
  });

  test('has neither encrypted thoughts nor developers for a model that does not reason, and sampling options', async () => {
    const { body } = await ask({ model: 'gpt-4o', settings: { api: 'responses' }, messages: [system('Be brief.'), user('Hello')], temperature: 0.5, topP: 0.9 });
    expect(body).toMatchInlineSnapshot(`
      {
        "input": [
          {
            "content": "Be brief.",
            "role": "system",
          },
          {
            "content": "Hello",
            "role": "user",
          },
        ],
        "model": "gpt-4o",
        "store": false,
        "stream": true,
        "stream_options": {
          "include_obfuscation": false,
        },
        "temperature": 0.5,
        "top_p": 0.9,
      }
    `);
  });

  test('has the sampling options of a model that is told not to reason, and no summary', async () => {
    const { body } = await ask({ model: 'gpt-5.2', temperature: 1, topP: 0.5, reasoning: { effort: 'none' } });
    expect(body).toMatchObject({ temperature: 1, top_p: 0.5, reasoning: { effort: 'none' } });
    expect(JSON.stringify(body)).not.toContain('summary');
  });

  test('asks for a summary alone when no effort is said', async () => {
    expect((await ask({ reasoning: { effort: '' } })).body).toMatchObject({ reasoning: { summary: 'auto' } });
    expect(Object.keys((await ask()).body as object)).not.toContain('reasoning');
  });

  test('has pictures as data or as their address', async () => {
    const asked = await ask({
      messages: [
        user(
          'What is this?',
          part({ $case: 'image', value: { source: { $case: 'data', value: Buffer.from('png') }, mediaType: 'image/png' } }),
          part({ $case: 'image', value: { source: { $case: 'url', value: 'https://example.com/a.png' }, mediaType: '' } }),
        ),
      ],
    });
    expect(inputOf(asked)).toMatchInlineSnapshot(`
      [
        {
          "content": [
            {
              "text": "What is this?",
              "type": "input_text",
            },
            {
              "image_url": "data:image/png;base64,cG5n",
              "type": "input_image",
            },
            {
              "image_url": "https://example.com/a.png",
              "type": "input_image",
            },
          ],
          "role": "user",
        },
      ]
    `);
  });

  test('has tools in their flat form, their schemas byte for byte, and the conversation about them', async () => {
    const asked = await ask({
      messages: [
        user('Weather?'),
        assistant(call('call_1'), part({ $case: 'toolCall', value: { id: 'call_2', name: 'time', argumentsJson: '' } })),
        tool(
          part({ $case: 'toolResult', value: { toolCallId: 'call_1', content: 'rain', isError: false } }),
          part({ $case: 'image', value: { source: { $case: 'url', value: 'https://example.com/rain.png' }, mediaType: '' } }),
          part({ $case: 'toolResult', value: { toolCallId: 'call_2', content: 'no clock', isError: true } }),
        ),
        assistant('It rains.', part({ $case: 'refusal', value: 'No time.' })),
      ],
      tools: [weather, { name: 'time', description: '', parametersJson: '' }],
      toolChoice: { choice: { $case: 'mode', value: Mode.REQUIRED } },
    });
    expect(asked.requests[0]?.body).toContain(`"parameters":${weather.parametersJson}`);
    expect(asked.body).toMatchInlineSnapshot(`
      {
        "include": [
          "reasoning.encrypted_content",
        ],
        "input": [
          {
            "content": "Weather?",
            "role": "user",
          },
          {
            "arguments": "{"city":"Köln"}",
            "call_id": "call_1",
            "name": "weather",
            "type": "function_call",
          },
          {
            "arguments": "{}",
            "call_id": "call_2",
            "name": "time",
            "type": "function_call",
          },
          {
            "call_id": "call_1",
            "output": [
              {
                "text": "rain",
                "type": "input_text",
              },
              {
                "image_url": "https://example.com/rain.png",
                "type": "input_image",
              },
            ],
            "type": "function_call_output",
          },
          {
            "call_id": "call_2",
            "output": "no clock",
            "type": "function_call_output",
          },
          {
            "content": [
              {
                "text": "It rains.",
                "type": "output_text",
              },
              {
                "refusal": "No time.",
                "type": "refusal",
              },
            ],
            "role": "assistant",
          },
        ],
        "model": "gpt-5-mini",
        "store": false,
        "stream": true,
        "stream_options": {
          "include_obfuscation": false,
        },
        "tool_choice": "required",
        "tools": [
          {
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
            "strict": false,
            "type": "function",
          },
          {
            "name": "time",
            "parameters": {
              "properties": {},
              "type": "object",
            },
            "strict": false,
            "type": "function",
          },
        ],
      }
    `);
  });

  test.each([
    [{ $case: 'mode', value: Mode.AUTO } as const, 'auto'],
    [{ $case: 'mode', value: Mode.NONE } as const, 'none'],
    [{ $case: 'toolName', value: 'weather' } as const, { type: 'function', name: 'weather' }],
  ])('has the tool choice %j', async (choice, sent) => {
    expect((await ask({ tools: [weather], toolChoice: { choice } })).body).toMatchObject({ tool_choice: sent });
  });

  test('has the response schema byte for byte', async () => {
    const schemaJson = '{"type": "object", "required": ["a"], "properties": {"a": {"const": 1.0}}}';
    const { requests, body } = await ask({ responseFormat: { format: { $case: 'jsonSchema', value: { name: '', schemaJson, strict: true } } } });
    expect(requests[0]?.body).toContain(`"schema":${schemaJson}`);
    expect(body).toMatchObject({ text: { format: { type: 'json_schema', name: 'response', strict: true } } });
    const json = await ask({ responseFormat: { format: { $case: 'json', value: {} } } });
    expect(json.body).toMatchObject({ text: { format: { type: 'json_object' } } });
  });

  test('merges the provider options of its own type last', async () => {
    const { body } = await ask({ reasoning: { effort: 'high' }, providerOptionsJson: { openai: '{"reasoning":{"summary":null},"text":{"verbosity":"low"},"include":[]}', azure: '{"user":"x"}' } });
    expect(body).toMatchObject({ reasoning: { effort: 'high', summary: null }, text: { verbosity: 'low' }, include: [] });
    expect(body).not.toHaveProperty('user');
  });
});

describe('what the Responses API of openai cannot be asked', () => {
  test.each([
    ['temperature', { temperature: 1 }],
    ['top_p', { topP: 0.5, reasoning: { effort: 'none' } }],
    ['top_k', { topK: 40 }],
    ['stop_sequences', { stopSequences: ['END'] }],
    ['reasoning.max_reasoning_tokens', { reasoning: { effort: '', maxReasoningTokens: 100 } }],
    ['tool_choice', { toolChoice: { choice: { $case: 'mode', value: Mode.REQUIRED } } }],
    ['tools[0].parameters_json', { tools: [{ ...weather, parametersJson: '[]' }] }],
    ['response_format.json_schema.schema_json', { responseFormat: { format: { $case: 'jsonSchema', value: { name: '', schemaJson: '1', strict: false } } } }],
    ['messages[0].parts[0].provider_metadata_json["openai"]', { messages: [assistant(part({ $case: 'text', value: 'x' }, { openai: '[]' }))] }],
    ['messages[0].parts[0]', { messages: [tool('It rains.')] }],
    ['messages[0].parts[0].image', { messages: [tool(part({ $case: 'image', value: { source: { $case: 'url', value: 'https://example.com/a.png' }, mediaType: '' } }))] }],
    ['messages[0].parts[0]', { messages: [user(call('call_1'))] }],
    ['provider_options_json["openai"]', { providerOptionsJson: { openai: '[]' } }],
  ] as const)('is named: %s', async (field, fields) => {
    const { requests, answer } = await ask(fields as object);
    expect(requests).toEqual([]);
    expect(providerErrorOf(answer)).toMatchObject({ errorClass: ErrorClass.UNSUPPORTED, code: field });
  });

  test('says how to do without summaries, which not everybody may have', async () => {
    const message = 'Your organization must be verified to generate reasoning summaries.';
    const { answer } = await askProvider(openai, { status: 400, body: JSON.stringify({ error: { message, type: 'invalid_request_error', param: 'reasoning.summary', code: 'unsupported_value' } }) }, { model: 'o3', reasoning: { effort: 'low' } });
    expect(providerErrorOf(answer)).toMatchObject({
      errorClass: ErrorClass.INVALID_REQUEST,
      message: `leave the summary out with provider_options_json {"openai": {"reasoning": {"summary": null}}}, or do as OpenAI says: ${message}`,
      code: 'unsupported_value',
    });
  });
});
