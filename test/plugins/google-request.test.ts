import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ToolChoice_Mode } from '../../src/gen/tollgate/v1/content.ts';
import { google } from '../../src/plugins/google.ts';
import { ErrorClass, type GenerateRequest } from '../../src/plugins/provider.ts';
import { collectAnswer, providerErrorOf } from '../collect-answer.ts';
import { assistant, generateRequest, part, tool, user } from '../generate-request.ts';
import { mockUpstream, type MockRequest, type MockUpstream } from '../mock-upstream.ts';
import { providerFixture } from '../provider-fixture.ts';

type Fields = Partial<Omit<GenerateRequest, 'instance'>>;

let mock: MockUpstream;
beforeAll(async () => {
  mock = await mockUpstream(providerFixture('google/text.sse'));
});
afterAll(() => mock.close());

async function sent(fields: Fields): Promise<{ readonly request: MockRequest; readonly body: unknown; readonly ignored: readonly string[] }> {
  const request = generateRequest({ baseUrl: mock.url, key: 'AIzaTest', model: 'gemini-2.5-flash', ...fields });
  const { ignoredFields: ignored, error } = await collectAnswer(google.generate(request, { signal: AbortSignal.timeout(15_000) }));
  if (error !== undefined) throw error;
  const asked = await mock.nextRequest();
  return { request: asked, body: asked.json(), ignored };
}

const call = (id: string, name: string, argumentsJson: string, metadata: Readonly<Record<string, string>> = {}) => part({ $case: 'toolCall', value: { id, name, argumentsJson } }, metadata);
const result = (toolCallId: string, content: string, isError = false) => part({ $case: 'toolResult', value: { toolCallId, content, isError } });
const thought = (text: string, providerType = 'google', metadata: Readonly<Record<string, string>> = {}) =>
  part({ $case: 'reasoning', value: { text, signature: '', redactedData: Buffer.alloc(0), providerType } }, metadata);
const picture = part({ $case: 'image', value: { source: { $case: 'data', value: Buffer.from('png') }, mediaType: 'image/png' } });
const linked = (url: string, mediaType = '') => part({ $case: 'image', value: { source: { $case: 'url', value: url }, mediaType } });
const signature = (thoughtSignature: string) => ({ google: JSON.stringify({ thoughtSignature }), openai: '{"not":"ours"}' });
const weather = { name: 'weather', description: 'Tells the weather', parametersJson: '{"type":"object","properties":{"city":{"type":"string"}}}' };

describe('a request to Gemini', () => {
  test('asks for a stream of events, with the key in its own header', async () => {
    const { request, body, ignored } = await sent({});
    expect(request).toMatchObject({ method: 'POST', path: '/models/gemini-2.5-flash:streamGenerateContent?alt=sse', headers: { 'x-goog-api-key': 'AIzaTest', 'content-type': 'application/json' } });
    expect(ignored).toEqual([]);
    expect(body).toMatchInlineSnapshot(`
      {
        "contents": [
          {
            "parts": [
              {
                "text": "Hello",
              },
            ],
            "role": "user",
          },
        ],
      }
    `);
  });

  test.each([
    ['models/gemini-2.5-flash', '/models/gemini-2.5-flash:streamGenerateContent?alt=sse'],
    ['tunedModels/mine', '/tunedModels/mine:streamGenerateContent?alt=sse'],
    ['odd?name#1', '/models/odd%3Fname%231:streamGenerateContent?alt=sse'],
  ])('finds the model %s', async (model, path) => {
    expect((await sent({ model })).request.path).toBe(path);
  });

  test('carries a conversation with tools, thoughts and pictures', async () => {
    const { body } = await sent({
      messages: [
        user('Look:', picture, linked('https://example.org/cat.JPG?size=1'), linked('https://example.org/cat', 'image/webp')),
        assistant(thought('Hm.'), thought('foreign', 'anthropic'), '', 'Let me see.', call('a', 'weather', '{"city":  "Zürich"}', signature('c2ln+/=')), call('b', 'time', '')),
        tool(result('a', 'rain'), picture),
        tool(result('b', 'no clock', true)),
        user('And now?'),
      ],
      tools: [weather, { name: 'time', description: '', parametersJson: '' }],
    });
    expect(body).toMatchInlineSnapshot(`
      {
        "contents": [
          {
            "parts": [
              {
                "text": "Look:",
              },
              {
                "inlineData": {
                  "data": "cG5n",
                  "mimeType": "image/png",
                },
              },
              {
                "fileData": {
                  "fileUri": "https://example.org/cat.JPG?size=1",
                  "mimeType": "image/jpeg",
                },
              },
              {
                "fileData": {
                  "fileUri": "https://example.org/cat",
                  "mimeType": "image/webp",
                },
              },
            ],
            "role": "user",
          },
          {
            "parts": [
              {
                "text": "Hm.",
                "thought": true,
              },
              {
                "text": "Let me see.",
              },
              {
                "functionCall": {
                  "args": {
                    "city": "Zürich",
                  },
                  "id": "a",
                  "name": "weather",
                },
                "thoughtSignature": "c2ln+/=",
              },
              {
                "functionCall": {
                  "args": {},
                  "id": "b",
                  "name": "time",
                },
              },
            ],
            "role": "model",
          },
          {
            "parts": [
              {
                "functionResponse": {
                  "id": "a",
                  "name": "weather",
                  "response": {
                    "result": "rain",
                  },
                },
              },
              {
                "functionResponse": {
                  "id": "b",
                  "name": "time",
                  "response": {
                    "error": "no clock",
                  },
                },
              },
              {
                "inlineData": {
                  "data": "cG5n",
                  "mimeType": "image/png",
                },
              },
              {
                "text": "And now?",
              },
            ],
            "role": "user",
          },
        ],
        "tools": [
          {
            "functionDeclarations": [
              {
                "description": "Tells the weather",
                "name": "weather",
                "parametersJsonSchema": {
                  "properties": {
                    "city": {
                      "type": "string",
                    },
                  },
                  "type": "object",
                },
              },
              {
                "name": "time",
              },
            ],
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
    expect(request.body).toContain('"args":{"id": 12345678901234567890}');
    expect(request.body).toContain('"parametersJsonSchema":{ "type":"object", "maximum": 1e400 }');
    expect(request.body).toContain('"responseMimeType":"application/json","responseJsonSchema":{"b" :1,\n"a":2}');
  });

  test('puts every sampling field into the generation config', async () => {
    const { body, ignored } = await sent({ maxOutputTokens: 50, temperature: 0, topP: 0.5, topK: 3, seed: -2_147_483_648n, stopSequences: ['END'], responseFormat: { format: { $case: 'json', value: {} } } });
    expect(ignored).toEqual([]);
    expect(body).toMatchInlineSnapshot(`
      {
        "contents": [
          {
            "parts": [
              {
                "text": "Hello",
              },
            ],
            "role": "user",
          },
        ],
        "generationConfig": {
          "maxOutputTokens": 50,
          "responseMimeType": "application/json",
          "seed": -2147483648,
          "stopSequences": [
            "END",
          ],
          "temperature": 0,
          "topK": 3,
          "topP": 0.5,
        },
      }
    `);
  });

  test.each([
    [{ $case: 'mode' as const, value: ToolChoice_Mode.AUTO }, { mode: 'AUTO' }],
    [{ $case: 'mode' as const, value: ToolChoice_Mode.NONE }, { mode: 'NONE' }],
    [{ $case: 'mode' as const, value: ToolChoice_Mode.REQUIRED }, { mode: 'ANY' }],
    [{ $case: 'toolName' as const, value: 'weather' }, { mode: 'ANY', allowedFunctionNames: ['weather'] }],
  ])('says the tool choice %o in its words', async (choice, functionCallingConfig) => {
    const { body } = await sent({ tools: [weather], toolChoice: { choice } });
    expect(body).toMatchObject({ toolConfig: { functionCallingConfig } });
  });

  test('makes no choice among no tools', async () => {
    const { body } = await sent({ toolChoice: { choice: { $case: 'mode', value: ToolChoice_Mode.NONE } } });
    expect(body).not.toHaveProperty('toolConfig');
  });

  test('merges the caller’s own fields in, and leaves thinking to them', async () => {
    const { body } = await sent({
      temperature: 0.5,
      reasoning: { effort: 'high', maxReasoningTokens: undefined },
      providerOptionsJson: { google: '{"generationConfig":{"thinkingConfig":{"thinkingBudget":-1}},"safetySettings":[]}', openai: '{"store":true}' },
    });
    expect(body).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'Hello' }] }],
      generationConfig: { temperature: 0.5, thinkingConfig: { thinkingBudget: -1 } },
      safetySettings: [],
    });
  });

  test.each<[string, Fields]>([
    ['tools[0].parameters_json', { tools: [{ ...weather, parametersJson: 'x' }] }],
    ['response_format.json_schema.schema_json', { responseFormat: { format: { $case: 'jsonSchema', value: { name: '', schemaJson: '', strict: false } } } }],
    ['seed', { seed: 2_147_483_648n }],
    ['reasoning.effort', { reasoning: { effort: 'ultra', maxReasoningTokens: undefined } }],
    ['reasoning.effort', { model: 'gemini-3.5-flash', reasoning: { effort: 'ultra', maxReasoningTokens: undefined } }],
    ['provider_options_json["google"]', { providerOptionsJson: { google: '[]' } }],
  ])('is refused before it is sent, naming %s', async (field, fields) => {
    const before = mock.requests.length;
    const request = generateRequest({ baseUrl: mock.url, key: 'k', model: 'gemini-2.5-flash', ...fields });
    const answer = await collectAnswer(google.generate(request, { signal: AbortSignal.timeout(15_000) }));
    const error = providerErrorOf(answer);
    expect({ class: error.errorClass, code: error.code }).toEqual({ class: ErrorClass.UNSUPPORTED, code: field });
    expect(answer.order).toEqual([]);
    expect(mock.requests.length).toBe(before);
  });
});
