import { gzipSync } from 'node:zlib';
import { providerFixture } from '../provider-fixture.ts';
import { WRITINGS } from './canary.ts';
import { http, type EchoAnswer } from './canary-upstream.ts';

/** One way in which a provider echoes the key, and how a call ends that meets it. */
export interface Echo {
  readonly name: string;
  readonly answer: (key: string) => EchoAnswer;
  /** A reason, or "OK". */
  readonly ends: string;
}

const sentence = (said: string): string => `You sent ${said} and that is wrong`;

const error = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): EchoAnswer => http({ status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) });
const sse = (...data: readonly unknown[]): EchoAnswer => http({ headers: { 'content-type': 'text/event-stream' }, body: data.map((each) => `data: ${typeof each === 'string' ? each : JSON.stringify(each)}\n\n`).join('') });
const html = (head: string, body: string): string => `<!doctype html><html><head>${head}</head><body>${body}</body></html>`;

const BY_STATUS: Readonly<Record<number, string>> = {
  400: 'REQUEST_REJECTED',
  401: 'KEY_REJECTED',
  402: 'PROVIDER_QUOTA_EXHAUSTED',
  403: 'PROVIDER_PERMISSION_DENIED',
  404: 'MODEL_NOT_FOUND',
  405: 'REQUEST_REJECTED',
  408: 'PROVIDER_UNAVAILABLE',
  409: 'PROVIDER_UNAVAILABLE',
  410: 'MODEL_NOT_FOUND',
  413: 'REQUEST_TOO_LARGE',
  418: 'REQUEST_REJECTED',
  422: 'REQUEST_REJECTED',
  429: 'RATE_LIMITED',
  498: 'PROVIDER_OVERLOADED',
  500: 'PROVIDER_UNAVAILABLE',
  502: 'PROVIDER_UNAVAILABLE',
  503: 'PROVIDER_OVERLOADED',
  504: 'PROVIDER_UNAVAILABLE',
  529: 'PROVIDER_OVERLOADED',
};

/** The classes that only words tell. */
const BY_WORDS: readonly (readonly [string, number, string, string])[] = [
  ['no money', 429, 'insufficient_quota', 'PROVIDER_QUOTA_EXHAUSTED'],
  ['too long', 400, 'context_length_exceeded', 'CONTEXT_TOO_LONG'],
  ['filtered', 400, 'content_filter', 'CONTENT_FILTERED'],
];

/** The places where an error's body says something. */
const BODIES: Readonly<Record<string, (said: string) => unknown>> = {
  'its message': (said) => ({ error: { message: sentence(said) } }),
  'its type': (said) => ({ error: { message: 'wrong', type: said } }),
  'its code': (said) => ({ error: { message: 'wrong', code: said } }),
  'its status': (said) => ({ error: { message: 'wrong', status: said } }),
  'an error of words': (said) => ({ error: sentence(said) }),
  'the first of its errors': (said) => ({ success: false, errors: [{ code: 7, message: sentence(said) }] }),
  'a list of details': (said) => ({ detail: [{ loc: ['header', said], msg: sentence(said), input: said }] }),
  'an object for a message': (said) => ({ error: { message: { said } } }),
  'nested metadata': (said) => ({ error: { message: 'wrong', metadata: { error_type: said, raw: said, headers: { authorization: said } } } }),
  'a list': (said) => [{ error: { message: sentence(said) } }],
  'the name of a field': (said) => ({ error: { message: { [said]: 'wrong' } } }),
  'JSON in its message': (said) => ({ error: { message: JSON.stringify({ headers: { authorization: said } }) } }),
  'a string': (said) => JSON.stringify(sentence(said)),
  'plain text': (said) => sentence(said),
  'the title of a page': (said) => html(`<title>${sentence(said)}</title>`, said),
  'the body of a page': (said) => html('', sentence(said)),
  XML: (said) => `<?xml version="1.0"?><Error><Code>${said}</Code></Error>`,
  'a long text at the place where it is cut': (said) => `${'x '.repeat(225)}${said}`,
  'a text longer than what is read': (said) => `${'x '.repeat(2040)}${said}`,
  'broken JSON': (said) => `{"error": {"message": "${said}`,
  'a word of many': (said) => ({ error: { message: Array.from({ length: 40 }, () => said).join(',') } }),
};

const HEADERS = ['retry-after', 'x-request-id', 'request-id', 'apim-request-id', 'content-type', 'www-authenticate', 'x-ratelimit-reset-requests', 'set-cookie'];

const WRITERS = Object.entries(WRITINGS);
const writer = (at: number): readonly [string, (key: string) => string] => WRITERS[at % WRITERS.length] ?? ['raw', (key) => key];

/** Errors whose status says what they are. The way in which the key is written goes round, from `turn` on. */
export function errorEchoes(turn: number): readonly Echo[] {
  const statuses = Object.entries(BY_STATUS).map(([status, ends], at): Echo => {
    const [how, write] = writer(turn + at);
    return { name: `${status}, the key ${how}`, ends, answer: (key) => error(Number(status), { error: { message: sentence(write(key)), type: write(key), code: write(key) } }) };
  });
  const words = BY_WORDS.map(([name, status, code, ends], at): Echo => {
    const [how, write] = writer(turn + at);
    return { name: `${status} ${name}, the key ${how}`, ends, answer: (key) => error(status, { error: { message: sentence(write(key)), code } }) };
  });
  const bodies = Object.entries(BODIES).map(([place, body], at): Echo => {
    const [how, write] = writer(turn + at);
    return { name: `422 with the key ${how} in ${place}`, ends: 'REQUEST_REJECTED', answer: (key) => error(422, body(write(key))) };
  });
  const headers = HEADERS.map((name): Echo => ({ name: `503 with the key in ${name}`, ends: 'PROVIDER_OVERLOADED', answer: (key) => error(503, '', { [name]: key }) }));
  return [...statuses, ...words, ...bodies, ...headers];
}

/** Every place in every writing. */
export const everyWriting = (): readonly Echo[] =>
  Object.entries(BODIES).flatMap(([place, body]) => WRITERS.map(([how, write]): Echo => ({ name: `418 with the key ${how} in ${place}`, ends: 'REQUEST_REJECTED', answer: (key) => error(418, body(write(key))) })));

/** What is wrong below what an answer says: connections, HTTP, encodings. They end alike for every provider. */
export const brokenEchoes: readonly Echo[] = [
  { name: 'the key in the status line', ends: 'KEY_REJECTED', answer: (key) => http({ status: 401, phrase: `Unauthorized ${key}` }) },
  ...[301, 302, 307, 308].map((status): Echo => ({ name: `${status} to an address with the key`, ends: 'RESPONSE_INVALID', answer: (key) => http({ status, headers: { location: `http://${encodeURIComponent(key)}.example.com/?key=${key}` }, body: key }) })),
  { name: 'gzip of an error', ends: 'KEY_REJECTED', answer: (key) => http({ status: 401, headers: { 'content-encoding': 'gzip' }, body: gzipSync(JSON.stringify({ error: { message: sentence(key) } })) }) },
  { name: 'an encoding named like the key', ends: 'RESPONSE_INVALID', answer: (key) => http({ headers: { 'content-encoding': key }, body: key }) },
  { name: 'gzip that is none', ends: 'RESPONSE_TRUNCATED', answer: (key) => http({ headers: { 'content-encoding': 'gzip' }, body: key }) },
  { name: 'the key in place of HTTP', ends: 'RESPONSE_INVALID', answer: (key) => ({ bytes: `${key} ${key}\r\n\r\n` }) },
  { name: 'the key for a status', ends: 'RESPONSE_INVALID', answer: (key) => ({ bytes: `HTTP/1.1 ${key} OK\r\n\r\n` }) },
  { name: 'the key for a header without a colon', ends: 'RESPONSE_INVALID', answer: (key) => ({ bytes: `HTTP/1.1 200 OK\r\n${key}\r\n\r\n` }) },
  { name: 'headers without an end', ends: 'RESPONSE_INVALID', answer: (key) => ({ bytes: `HTTP/1.1 200 OK\r\n${`x-key: ${key}\r\n`.repeat(2000)}\r\n` }) },
  { name: 'the key for a length', ends: 'RESPONSE_INVALID', answer: (key) => ({ bytes: `HTTP/1.1 200 OK\r\ncontent-length: ${key}\r\n\r\n` }) },
  { name: 'the key for the size of a chunk', ends: 'RESPONSE_TRUNCATED', answer: (key) => ({ bytes: `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${key}\r\n` }) },
  { name: 'an error that is cut in its middle', ends: 'KEY_REJECTED', answer: (key) => ({ bytes: `HTTP/1.1 401 No\r\ncontent-length: 9999\r\n\r\n{"error":{"message":"${key}`, ending: 'cut' }) },
  { name: 'a connection that breaks before it answers', ends: 'PROVIDER_UNAVAILABLE', answer: () => ({ bytes: '', ending: 'cut' }) },
  { name: 'headers that break off', ends: 'PROVIDER_UNAVAILABLE', answer: (key) => ({ bytes: `HTTP/1.1 200 OK\r\nx-key: ${key}`, ending: 'cut' }) },
];

const cutAnswer = (key: string): EchoAnswer => ({ bytes: `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-key: ${key}\r\ncontent-length: 9999\r\n\r\n: ${key}\n\n`, ending: 'cut' });
const refusal = (key: string): object => ({ type: 'error', error: { message: sentence(key), type: 'authentication_error', code: 401, status: 'UNAUTHENTICATED' } });
const page = (key: string): EchoAnswer => http({ headers: { 'content-type': 'text/html' }, body: html(`<title>${key}</title>`, key) });
const noJson = (key: string): EchoAnswer => http({ body: `{"${key}": ${key}}` });

/** Answers with 200 that are none, to a request for text. Ollama's come in lines. */
export const textEchoes = (inLines: boolean): readonly Echo[] => [
  { name: 'a page with 200', ends: inLines ? 'RESPONSE_TRUNCATED' : 'RESPONSE_INVALID', answer: page },
  { name: 'JSON that is none', ends: inLines ? 'RESPONSE_TRUNCATED' : 'RESPONSE_INVALID', answer: noJson },
  { name: 'JSON that breaks off', ends: 'RESPONSE_TRUNCATED', answer: (key) => http({ body: `{"choices": [{"message": "${key}` }) },
  { name: 'an error with 200', ends: 'KEY_REJECTED', answer: (key) => http({ body: JSON.stringify(refusal(key)) }) },
  { name: 'an answer that is cut', ends: inLines ? 'RESPONSE_INVALID' : 'RESPONSE_TRUNCATED', answer: cutAnswer },
  ...(inLines ? [] : streamEchoes),
];

const streamEchoes: readonly Echo[] = [
  { name: 'an error in a stream', ends: 'KEY_REJECTED', answer: (key) => sse(refusal(key)) },
  { name: 'an event that is no JSON', ends: 'RESPONSE_TRUNCATED', answer: (key) => sse(key) },
  { name: 'an event that breaks off', ends: 'RESPONSE_TRUNCATED', answer: (key) => sse(`{"${key}": `) },
];

/** A list of models in which every word is the key, as all of the providers would read it. */
export const listEcho = (key: string): EchoAnswer => {
  const model = {
    ...Object.fromEntries(['id', 'model', 'display_name', 'displayName', 'description', 'owned_by', 'version'].map((name) => [name, key])),
    name: `models/${key}`,
    task: { name: 'Text Generation' },
    supportedGenerationMethods: ['generateContent', key],
    input_modalities: [key],
    architecture: { input_modalities: [key] },
    capabilities: { chat_completion: true, completion_chat: true, [key]: true },
  };
  return http({ body: JSON.stringify({ success: true, data: [model], models: [model], result: [model], object: key, last_id: key }) });
};

/** One vector, of a model that is called like the key. */
export const vectorEcho = (key: string): EchoAnswer =>
  http({ body: JSON.stringify({ object: key, id: key, model: key, data: [{ index: 0, object: key, embedding: [0.5] }], embeddings: [key.startsWith('AIza') ? { values: [0.5] } : [0.5]] }) });

/** Whatever is asked about a key: it is good. */
export const goodKey = (): EchoAnswer => http({ body: JSON.stringify({ data: [], models: [], success: true, result: { status: 'active' } }) });

/** Never answers: who is asked so needs a limit of time. */
export const silence: Echo['answer'] = () => ({ bytes: '', ending: 'hold' });

const STRUCTURE = ['type', 'role', 'object', 'event', 'status', 'obfuscation', 'p'];
/** What the model says: text, thoughts, what it calls tools with. */
const ITS_OWN = ['content', 'text', 'thinking', 'reasoning', 'reasoning_content', 'delta', 'partial_json', 'arguments', 'args', 'input', 'output_text', 'response'];
/** What goes back to the provider byte for byte. */
const SEALED = ['thoughtSignature', 'signature', 'data', 'encrypted_content', 'reasoning_details'];
const KEPT: ReadonlySet<string> = new Set([...STRUCTURE, ...ITS_OWN, ...SEALED]);

/** Whether a field's words are kept, but for what it holds further down: `response` may be a text, and hold a whole answer. */
const isKept = (name: string, value: unknown): boolean => KEPT.has(name) && (typeof value === 'string' || SEALED.includes(name) || name === 'args' || name === 'input' || name === 'arguments');

/** Every word of a JSON value that is neither structure nor the model's own; or only those of one name. */
function poison(value: unknown, said: string, only: string | undefined, name = ''): unknown {
  if (isKept(name, value)) return value;
  if (typeof value === 'string') return only === undefined || only === name ? said : value;
  if (Array.isArray(value)) return value.map((each) => poison(each, said, only, name));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, poison(inner, said, only, field)]));
}

const isJson = (text: string): boolean => text.startsWith('{');

function linesOf(fixture: string, change: (json: unknown) => unknown): string {
  const text = providerFixture(fixture).body.toString('utf8');
  if (fixture.endsWith('.json')) return JSON.stringify(change(JSON.parse(text)));
  return text
    .split('\n')
    .map((line) => {
      const [, mark = '', json = ''] = /^(data: )?(.*)$/.exec(line) ?? [];
      return isJson(json) ? mark + JSON.stringify(change(JSON.parse(json))) : line;
    })
    .join('\n');
}

const wordsIn = (value: unknown, name = ''): readonly string[] => {
  if (isKept(name, value)) return [];
  if (typeof value === 'string') return [name];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([field, inner]) => wordsIn(inner, Array.isArray(value) ? name : field));
};

/**
 * A good answer whose words are the key: its model, its ids, why it ended, the names of its tools; one after the other, and all at
 * once where none of them is `sealed`: goes back to the provider byte for byte.
 */
export function wordEchoes(fixture: string, turn: number, sealed: readonly string[] = []): readonly Echo[] {
  const words = new Set<string>();
  linesOf(fixture, (json) => {
    for (const word of wordsIn(json)) words.add(word);
    return json;
  });
  const { headers = {} } = providerFixture(fixture);
  const wanted = sealed.length > 0 ? [...words].filter((word) => !sealed.includes(word)) : [...words, undefined];
  return wanted.map((only, at): Echo => {
    const [how, write] = writer(turn + at);
    return { name: `${fixture} with the key ${how} for ${only ?? 'every word'}`, ends: 'OK', answer: (key) => http({ headers, body: linesOf(fixture, (json) => poison(json, write(key), only)) }) };
  });
}
