import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { collectAnswer as putTogether } from '../../src/clients/typescript/answer.ts';
import { AttemptStarted } from '../../src/gen/tollgate/v1/generate_service.ts';
import { google } from '../../src/plugins/google.ts';
import { ErrorClass, type GenerateRequest } from '../../src/plugins/provider.ts';
import { collectAnswer, providerErrorOf } from '../collect-answer.ts';
import { assistant, generateRequest, part, system, tool, user } from '../generate-request.ts';
import { mockUpstream, type MockUpstream } from '../mock-upstream.ts';
import { providerFixture } from '../provider-fixture.ts';

type Fields = Partial<Omit<GenerateRequest, 'instance'>>;

let mock: MockUpstream;
beforeAll(async () => {
  mock = await mockUpstream(providerFixture('google/text.sse'));
});
afterAll(() => mock.close());

async function sent(fields: Fields): Promise<unknown> {
  const request = generateRequest({ baseUrl: mock.url, key: 'AIzaTest', model: 'gemini-2.5-flash', ...fields });
  const { error } = await collectAnswer(google.generate(request, { signal: AbortSignal.timeout(15_000) }));
  if (error !== undefined) throw error;
  return (await mock.nextRequest()).json();
}

const call = (id: string, name: string, argumentsJson: string, metadata: Readonly<Record<string, string>> = {}) => part({ $case: 'toolCall', value: { id, name, argumentsJson } }, metadata);
const result = (toolCallId: string, content: string, isError = false) => part({ $case: 'toolResult', value: { toolCallId, content, isError } });
const thought = (text: string, providerType = 'google', metadata: Readonly<Record<string, string>> = {}) =>
  part({ $case: 'reasoning', value: { text, signature: '', redactedData: Buffer.alloc(0), providerType } }, metadata);
const picture = part({ $case: 'image', value: { source: { $case: 'data', value: Buffer.from('png') }, mediaType: 'image/png' } });
const linked = (url: string, mediaType = '') => part({ $case: 'image', value: { source: { $case: 'url', value: url }, mediaType } });
const signature = (thoughtSignature: string) => ({ google: JSON.stringify({ thoughtSignature }), openai: '{"not":"ours"}' });

describe('a conversation with Gemini', () => {
  test('carries every system message, and merges turns of one role', async () => {
    const body = await sent({ messages: [system('One.', 'Two.'), user('Hello'), system('Three.', ''), user('again', '')] });
    expect(body).toEqual({
      systemInstruction: { parts: [{ text: 'One.' }, { text: 'Two.' }, { text: 'Three.' }] },
      contents: [{ role: 'user', parts: [{ text: 'Hello' }, { text: 'again' }] }],
    });
  });

  test('puts what a tool shows into its result for Gemini 3, and a stand-in on calls that another model made', async () => {
    const body = await sent({
      model: 'gemini-3.5-flash',
      messages: [user('Draw.'), assistant(call('a', 'draw', '{}'), call('b', 'draw', '{}')), tool(result('a', 'done'), picture, result('b', 'done')), assistant(call('c', 'draw', '{}', signature('c2ln'))), tool(result('c', 'done'))],
    });
    expect(body).toMatchInlineSnapshot(`
      {
        "contents": [
          {
            "parts": [
              {
                "text": "Draw.",
              },
            ],
            "role": "user",
          },
          {
            "parts": [
              {
                "functionCall": {
                  "args": {},
                  "id": "a",
                  "name": "draw",
                },
                "thoughtSignature": "skip_thought_signature_validator",
              },
              {
                "functionCall": {
                  "args": {},
                  "id": "b",
                  "name": "draw",
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
                  "name": "draw",
                  "parts": [
                    {
                      "inlineData": {
                        "data": "cG5n",
                        "mimeType": "image/png",
                      },
                    },
                  ],
                  "response": {
                    "result": "done",
                  },
                },
              },
              {
                "functionResponse": {
                  "id": "b",
                  "name": "draw",
                  "response": {
                    "result": "done",
                  },
                },
              },
            ],
            "role": "user",
          },
          {
            "parts": [
              {
                "functionCall": {
                  "args": {},
                  "id": "c",
                  "name": "draw",
                },
                "thoughtSignature": "c2ln",
              },
            ],
            "role": "model",
          },
          {
            "parts": [
              {
                "functionResponse": {
                  "id": "c",
                  "name": "draw",
                  "response": {
                    "result": "done",
                  },
                },
              },
            ],
            "role": "user",
          },
        ],
      }
    `);
  });

  test('gives back what an earlier answer brought, byte for byte and on the same part', async () => {
    const code = { executableCode: { language: 'PYTHON', code: 'print(1)' }, thoughtSignature: 'Y29kZQ==' };
    const body = await sent({
      model: 'gemini-3.5-flash',
      messages: [
        user(part({ $case: 'text', value: 'Hi' }, { google: '{"partMetadata":{"n":1}}' })),
        assistant(
          thought('Hm.'),
          thought('', 'google', signature('dGhvdWdodA==')),
          part({ $case: 'text', value: 'One' }),
          part({ $case: 'text', value: ' two' }, signature('dGV4dA+/==')),
          part({ $case: 'text', value: '' }, { google: JSON.stringify({ part: code }) }),
          call('a', 'weather', '{}', signature('Y2FsbA==')),
          call('b', 'weather', '{}'),
          part({ $case: 'text', value: '' }, signature('bGFzdA==')),
        ),
        user('Sure?'),
      ],
    });
    expect(body).toEqual({
      contents: [
        { role: 'user', parts: [{ text: 'Hi', partMetadata: { n: 1 } }] },
        {
          role: 'model',
          parts: [
            { text: 'Hm.', thought: true },
            { text: '', thought: true, thoughtSignature: 'dGhvdWdodA==' },
            { text: 'One' },
            { text: ' two', thoughtSignature: 'dGV4dA+/==' },
            code,
            { functionCall: { id: 'a', name: 'weather', args: {} }, thoughtSignature: 'Y2FsbA==' },
            { functionCall: { id: 'b', name: 'weather', args: {} } },
            { text: '', thoughtSignature: 'bGFzdA==' },
          ],
        },
        { role: 'user', parts: [{ text: 'Sure?' }] },
      ],
    });
  });

  test('lets a file of Google’s own pass for models that fetch nothing else', async () => {
    const fileUri = 'https://generativelanguage.googleapis.com/v1beta/files/abc';
    const body = await sent({ model: 'gemini-2.0-flash', messages: [user(linked(fileUri))] });
    expect(body).toMatchObject({ contents: [{ parts: [{ fileData: { fileUri } }] }] });
  });

  test('returns an answer part by part as it came', async () => {
    const fixture = providerFixture('google/signatures.sse');
    await using upstream = await mockUpstream(fixture);
    const request = generateRequest({ baseUrl: upstream.url, key: 'AIzaTest', model: 'gemini-3-flash-preview' });
    const answer = putTogether();
    answer.add({ $case: 'attemptStarted', value: AttemptStarted.fromPartial({ providerType: 'google' }) });
    for await (const event of google.generate(request, { signal: AbortSignal.timeout(15_000) })) {
      if (event.$case === 'textDelta' || event.$case === 'reasoningDelta' || event.$case === 'toolCallDelta') answer.add(event);
    }
    const body = await sent({ model: 'gemini-3-flash-preview', messages: [user('Hello'), answer.message(), tool(result('call-7', 'rain'))] });
    expect(body).toMatchObject({
      contents: [
        { role: 'user' },
        {
          role: 'model',
          parts: [
            { text: 'First. Second.', thought: true },
            { text: '', thought: true, thoughtSignature: 'dGhvdWdodA==' },
            { text: 'One two' },
            { text: ' three.', thoughtSignature: 'dGV4dA+/==' },
            { functionCall: { id: 'call-7', name: 'weather', args: { id: 1 } }, thoughtSignature: 'Y2FsbA==' },
            { text: '', thoughtSignature: 'bGFzdA==' },
          ],
        },
        { role: 'user', parts: [{ functionResponse: { id: 'call-7', name: 'weather', response: { result: 'rain' } } }] },
      ],
    });
  });

  test.each<[string, Fields]>([
    ['messages[0].parts[1].image.url', { messages: [user('x', linked('http://example.org/cat.jpg'))] }],
    ['messages[0].parts[0].image.url', { model: 'gemini-2.0-flash', messages: [user(linked('https://example.org/cat.jpg'))] }],
    ['messages[0].parts[0].image.url', { model: 'gemma-3-27b-it', messages: [user(linked('https://example.org/cat.jpg'))] }],
    ['messages[1].parts[0].tool_call.arguments_json', { messages: [user('x'), assistant(call('a', 'weather', '{"city": "Zü')), tool(result('a', 'y'))] }],
    ['messages[0].parts[0].tool_result.tool_call_id', { messages: [tool(result('a', 'y'))] }],
    ['messages[0].parts[0].provider_metadata_json["google"]', { messages: [user(part({ $case: 'text', value: 'x' }, { google: '[]' }))] }],
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
