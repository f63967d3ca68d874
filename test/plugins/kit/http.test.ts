import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fetchJson, parseWhole, readText, send, throwUnlessOk, type Answer } from '../../../src/plugins/kit/http.ts';
import { ErrorClass, ProviderError } from '../../../src/plugins/provider.ts';
import { mockUpstream, refusingUrl, type MockUpstream } from '../../mock-upstream.ts';

const signal = (): AbortSignal => AbortSignal.timeout(15_000);
const get = (url: string, options: { readonly signal?: AbortSignal; readonly headers?: Readonly<Record<string, string>> } = {}) =>
  send({ method: 'GET', url, headers: options.headers ?? {}, signal: options.signal ?? signal() });
const answerOf = async (url: string): Promise<Answer> => (await get(url)).answer();
const errorOf = (promise: Promise<unknown>): Promise<ProviderError> =>
  promise.then(
    () => Promise.reject(new Error('nothing failed')),
    (error: unknown) => (error instanceof ProviderError ? error : Promise.reject(error)),
  );

let mock: MockUpstream;
beforeAll(async () => {
  mock = await mockUpstream();
});
afterAll(() => mock.close());

describe('a request', () => {
  test('brings method, path, query, headers and body', async () => {
    mock.answer({ body: 'ok' });
    const exchange = await send({ method: 'POST', url: `${mock.url}/a/b?c=d%20e`, headers: { 'x-key': 'k' }, body: '{"ä":1}', signal: signal() });
    expect(await readText(await exchange.answer(), 100)).toBe('ok');
    const request = await mock.nextRequest();
    expect(request).toMatchObject({ method: 'POST', path: '/a/b?c=d%20e', body: '{"ä":1}', headers: { 'x-key': 'k', 'content-type': 'application/json', 'accept-encoding': 'identity' } });
  });

  test('is accepted before the answer comes', async () => {
    const own = await mockUpstream({ silent: true });
    const exchange = await get(own.url);
    const request = await own.nextRequest();
    exchange.close();
    expect(await request.closed).toBe('aborted');
    await own.close();
  });

  test('that nobody accepts says so, with the code', async () => {
    const error = await errorOf(get(await refusingUrl()));
    expect({ class: error.errorClass, code: error.code }).toEqual({ class: ErrorClass.NETWORK, code: 'ECONNREFUSED' });
    expect(error.message).toMatch(/^cannot reach 127\.0\.0\.1:\d+ \(ECONNREFUSED\)$/);
  });

  test('to a host that does not exist says so', async () => {
    const error = await errorOf(get('http://nobody.invalid/'));
    expect(error.errorClass).toBe(ErrorClass.NETWORK);
    expect(error.message).toContain('nobody.invalid');
  });

  test.each(['line\nbreak', 'carriage\rreturn', 'nul\0byte', 'snow☃man'])('cannot be given other headers by a key, and its error does not hold the key: %j', async (piece) => {
    const key = `sk-secret-12345${piece}x-evil: 1`;
    const before = mock.requests.length;
    const error = await errorOf(get(mock.url, { headers: { authorization: `Bearer ${key}` } }));
    expect(error.errorClass).toBe(ErrorClass.AUTH);
    expect(error.message).toMatch(/key or a setting/);
    expect(JSON.stringify([error, error.message, error.stack, error.cause])).not.toContain('sk-secret');
    expect(mock.requests.length).toBe(before);
  });

  test('is not sent when it was given up before', async () => {
    const reason = new Error('gone');
    const before = mock.requests.length;
    await expect(get(mock.url, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(mock.requests.length).toBe(before);
  });

  test('ends upstream when it is given up before the headers', async () => {
    const own = await mockUpstream({ silent: true });
    const abort = new AbortController();
    const reason = new Error('gone');
    const answer = (await get(own.url, { signal: abort.signal })).answer();
    const request = await own.nextRequest();
    abort.abort(reason);
    await expect(answer).rejects.toBe(reason);
    expect(await request.closed).toBe('aborted');
    await own.close();
  });

  test('ends upstream when it is given up behind the headers, even while nobody reads', async () => {
    const own = await mockUpstream({ body: 'first', ending: 'hold' });
    const abort = new AbortController();
    const reason = new Error('gone');
    const answer = await (await get(own.url, { signal: abort.signal })).answer();
    const request = await own.nextRequest();
    abort.abort(reason);
    expect(await request.closed).toBe('aborted');
    await expect(readText(answer, 100)).rejects.toBe(reason);
    await own.close();
  });

  test('whose connection breaks before the headers says so', async () => {
    const server = createServer((request) => request.socket.destroy()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const error = await errorOf(answerOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`));
    expect(error.errorClass).toBe(ErrorClass.NETWORK);
    expect(error.message).toMatch(/broke the connection before it answered/);
    server.close();
  });

});

describe('an answer', () => {
  test('has its status, and its headers in lower case', async () => {
    mock.answer({ status: 207, headers: { 'X-Some-Header': 'Value' }, body: '' });
    const answer = await answerOf(mock.url);
    expect([answer.status, answer.headers['x-some-header']]).toEqual([207, 'Value']);
    expect(await readText(answer, 10)).toBe('');
  });

  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ])('that comes as %s is read all the same, in any pieces', async (encoding, compress) => {
    const text = 'Grüße, 世界! '.repeat(500);
    const bytes = compress(Buffer.from(text));
    const pieces = Array.from({ length: bytes.length }, (_, at) => bytes.subarray(at, at + 1));
    for (const body of [bytes, pieces]) {
      mock.answer({ headers: { 'content-encoding': encoding }, body });
      expect(await readText(await answerOf(mock.url), 1e6)).toBe(text);
    }
  });

  test.each(['cut', 'end'] as const)('whose compressed body stops short is cut (%s)', async (ending) => {
    const bytes = gzipSync(Buffer.from('text '.repeat(1000)));
    mock.answer({ headers: { 'content-encoding': 'gzip' }, body: bytes.subarray(0, bytes.length - 6), ending });
    expect((await errorOf(answerOf(mock.url).then((answer) => readText(answer, 1e6)))).errorClass).toBe(ErrorClass.TRUNCATED);
  });

  test('whose compressed body is none fails', async () => {
    mock.answer({ headers: { 'content-encoding': 'gzip' }, body: 'plain text' });
    expect((await errorOf(answerOf(mock.url).then((answer) => readText(answer, 1e6)))).errorClass).toBe(ErrorClass.TRUNCATED);
  });

  test.each(['gzip, gzip', 'constructor', 'rot13'])('in the encoding "%s" is refused, and its connection closed', async (encoding) => {
    const own = await mockUpstream({ headers: { 'content-encoding': encoding }, body: 'x', ending: 'hold' });
    const error = await errorOf(answerOf(own.url));
    expect(error.errorClass).toBe(ErrorClass.INVALID_RESPONSE);
    // A provider may send any header of the request back in it.
    expect(error.message).not.toContain(encoding);
    expect(await (await own.nextRequest()).closed).toBe('aborted');
    await own.close();
  });

  test('whose connection breaks in the body is cut', async () => {
    mock.answer({ headers: { 'content-length': '100' }, body: 'half', ending: 'cut' });
    const answer = await answerOf(mock.url);
    const chunks: Buffer[] = [];
    const reading = (async () => {
      for await (const chunk of answer.body) chunks.push(chunk);
    })();
    expect((await errorOf(reading)).errorClass).toBe(ErrorClass.TRUNCATED);
    expect(Buffer.concat(chunks).toString()).toBe('half');
  });

  test('that nobody wants any more closes its connection', async () => {
    const own = await mockUpstream({ body: 'first', ending: 'hold' });
    const answer = await answerOf(own.url);
    const request = await own.nextRequest();
    for await (const chunk of answer.body) if (chunk.length > 0) break;
    expect(await request.closed).toBe('aborted');
    await own.close();
  });

  test('larger than is wanted is left', async () => {
    const own = await mockUpstream({ body: 'x'.repeat(1000), ending: 'hold' });
    expect(await readText(await answerOf(own.url), 999)).toBeUndefined();
    expect(await (await own.nextRequest()).closed).toBe('aborted');
    await own.close();
  });

  test('that redirects is refused and not followed', async () => {
    mock.answer({ status: 307, headers: { location: `${mock.url}/elsewhere` } });
    const before = mock.requests.length;
    const error = await errorOf(answerOf(mock.url).then((answer) => throwUnlessOk(answer, { key: 'k' })));
    expect({ class: error.errorClass, status: error.httpStatus }).toEqual({ class: ErrorClass.INVALID_RESPONSE, status: 307 });
    expect(error.message).toMatch(/base_url/);
    expect(mock.requests.length).toBe(before + 1);
  });
});

describe('a reader that stops', () => {
  const CHUNK = Buffer.alloc(64 * 1024, 'x');
  const CHUNKS = 1024;
  let server: Server;
  let sent = 0;

  async function write(response: ServerResponse): Promise<void> {
    for (let count = 0; count < CHUNKS; count++) {
      await new Promise<void>((resolve) => response.write(CHUNK, () => resolve()));
      sent += CHUNK.length;
    }
    response.end();
  }

  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.url === '/small') response.end('{}');
      else void write(response);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  test('makes the provider stop writing, and gets the rest when it goes on', async () => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const body = (await answerOf(url)).body[Symbol.asyncIterator]();
    let received = (await body.next()).value?.length ?? 0;
    // Other answers come and go; when many of them saw no byte more, the big one stands still.
    let quiet = 0;
    for (let before = -1; quiet < 25; before = sent) {
      await fetchJson({ method: 'GET', url: `${url}/small`, headers: {}, signal: signal() }, { key: '' });
      quiet = sent === before ? quiet + 1 : 0;
    }
    expect(sent).toBeLessThan(CHUNK.length * CHUNKS * 0.5);
    for (let next = await body.next(); next.done !== true; next = await body.next()) received += next.value.length;
    expect(received).toBe(CHUNK.length * CHUNKS);
  });
});

describe('one JSON value', () => {
  test('is fetched, or its error is', async () => {
    mock.answer({ body: '{"a":[1]}' });
    expect(await fetchJson({ method: 'GET', url: mock.url, headers: {}, signal: signal() }, { key: '' })).toEqual({ a: [1] });
    mock.answer({ status: 429, headers: { 'retry-after': '2' }, body: '{"error":{"message":"slow down"}}' });
    const error = await errorOf(fetchJson({ method: 'GET', url: mock.url, headers: {}, signal: signal() }, { key: '' }));
    expect({ class: error.errorClass, wait: error.retryAfterMs, message: error.message }).toEqual({ class: ErrorClass.RATE_LIMIT, wait: 2000, message: 'slow down' });
  });

  test.each([
    ['{"a":', ErrorClass.TRUNCATED],
    [' [1, 2', ErrorClass.TRUNCATED],
    ['', ErrorClass.TRUNCATED],
    ['<html>', ErrorClass.INVALID_RESPONSE],
    ['{"a":}', ErrorClass.INVALID_RESPONSE],
  ])('that is none says whether it was cut: %j', (text, errorClass) => {
    expect(() => parseWhole(text)).toThrow(expect.objectContaining({ errorClass }));
  });
});
