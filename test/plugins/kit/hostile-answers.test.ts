import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { FinishReason } from '../../../src/gen/tollgate/v1/content.ts';
import { ollama } from '../../../src/plugins/ollama.ts';
import { openaiCompatible } from '../../../src/plugins/openai-compatible.ts';
import { ErrorClass, type Provider } from '../../../src/plugins/provider.ts';
import { chunk, sse } from '../../ask-provider.ts';
import { providerErrorOf, type CollectedAnswer } from '../../collect-answer.ts';
import { askHostile, hostileProvider, MB, used } from './ask-hostile.ts';
import { OK, rawUpstream, writeForever } from './raw-upstream.ts';

const { answered } = hostileProvider();

describe('an answer without end', () => {
  const x = Buffer.alloc(64 * 1024, 'x');

  test.each<[string, string, string, Uint8Array | string, Provider, ErrorClass]>([
    ['one line of data', OK, 'data: ', x, openaiCompatible, ErrorClass.INVALID_RESPONSE],
    ['one comment', OK, ': ', x, openaiCompatible, ErrorClass.INVALID_RESPONSE],
    ['one name of a field', OK, '', x, openaiCompatible, ErrorClass.INVALID_RESPONSE],
    ['one event of many lines', OK, '', 'data: x\n'.repeat(8192), openaiCompatible, ErrorClass.INVALID_RESPONSE],
    ['one JSON body', OK, '{"choices":[{"message":{"content":"', x, openaiCompatible, ErrorClass.INVALID_RESPONSE],
    ['one JSON body of lists', OK, '', '[['.repeat(32_768), openaiCompatible, ErrorClass.INVALID_RESPONSE],
    ['one line of NDJSON', 'HTTP/1.1 200 OK\r\n', '{"message":{"content":"', x, ollama, ErrorClass.INVALID_RESPONSE],
    ['the body of an error', 'HTTP/1.1 500 Oops\r\n', '', x, openaiCompatible, ErrorClass.SERVER],
    ['arguments of a call without a name', OK, '', `data: ${JSON.stringify(chunk({ tool_calls: [{ index: 0, function: { arguments: 'x'.repeat(60_000) } }] }))}\n\n`, openaiCompatible, ErrorClass.INVALID_RESPONSE],
    ['nothing but new calls', OK, '', `data: ${JSON.stringify(chunk({ tool_calls: [{ function: { name: 'f', arguments: '{}' } }] }))}\n\n`.repeat(64), openaiCompatible, ErrorClass.INVALID_RESPONSE],
  ])('is left after some megabytes: %s', async (_what, status, head, piece, provider, errorClass) => {
    await using upstream = await rawUpstream((socket) => writeForever(socket, `${status}\r\n${head}`, piece));
    const before = used();
    const answer = await askHostile(upstream.url, provider);
    expect(providerErrorOf(answer).errorClass).toBe(errorClass);
    expect(upstream.sent()).toBeLessThan(24 * MB);
    expect(used() - before).toBeLessThan(24 * MB);
  });

  test.each([
    ['blank lines', '\n'.repeat(65_536)],
    ['spaces', ' '.repeat(65_536)],
    ['zeros', Buffer.alloc(65_536)],
    ['comments', ': keep-alive\n\n'.repeat(4096)],
    ['events that say nothing', 'data: {"choices":[]}\n\n'.repeat(2048)],
    ['events of names that nobody knows', 'event: ping\nid: 1\nretry: 5\n\n'.repeat(2048)],
  ])('holds no memory while it says nothing, and ends when the caller goes: %s', async (_what, piece) => {
    await using upstream = await rawUpstream((socket) => writeForever(socket, `${OK}\r\n`, piece));
    const before = used();
    const abort = new AbortController();
    const reason = new Error('the caller went away');
    const answer = askHostile(upstream.url, openaiCompatible, abort.signal);
    await expect.poll(() => upstream.sent(), { interval: 20, timeout: 15_000 }).toBeGreaterThan(24 * MB);
    expect(used() - before).toBeLessThan(16 * MB);
    abort.abort(reason);
    expect((await answer).error).toBe(reason);
  });

  test('behind its own end marker is a whole one', async () => {
    const whole = `data: ${JSON.stringify(chunk({ content: 'Hi' }, 'stop'))}\n\ndata: [DONE]\n\n`;
    await using upstream = await rawUpstream((socket) => writeForever(socket, `${OK}\r\n${whole}`, 'data: {"choices":[{"delta":{"content":"more"}}]}\n\n'.repeat(512)));
    const answer = await askHostile(upstream.url);
    expect([answer.error, answer.text, answer.finish?.finishReason]).toEqual([undefined, 'Hi', FinishReason.STOP]);
  });
});

describe('an answer in the encoding gzip', () => {
  const gzip = (body: Buffer, encoding = 'gzip'): Promise<CollectedAnswer> => answered({ headers: { 'content-type': 'text/event-stream', 'content-encoding': encoding }, body });
  const good = Buffer.from(String(sse(chunk({ content: 'Hi' }, 'stop'), '[DONE]').body));

  test('is read, and twice so it is refused', async () => {
    expect((await gzip(gzipSync(good))).text).toBe('Hi');
    for (const encoding of ['gzip, gzip', Array.from({ length: 5000 }, () => 'gzip').join(','), 'x'.repeat(30_000)]) {
      const error = providerErrorOf(await gzip(gzipSync(gzipSync(good)), encoding));
      expect(error.errorClass).toBe(ErrorClass.INVALID_RESPONSE);
      expect(Buffer.byteLength(error.message)).toBeLessThan(512);
    }
  });

  test('is never taken for whole when it is cut', async () => {
    const bytes = gzipSync(Buffer.from(String(sse(chunk({ content: 'Hi' }), chunk({ content: '!' }, 'stop'), '[DONE]').body)), { level: 0 });
    for (let at = 0; at < bytes.length; at += 7) {
      const answer = await gzip(bytes.subarray(0, at));
      if (answer.error === undefined) expect(answer.text).toBe('Hi!');
      else expect([ErrorClass.TRUNCATED, ErrorClass.INVALID_RESPONSE]).toContain(providerErrorOf(answer).errorClass);
    }
  });

  test.each([
    ['one line', Buffer.alloc(16 * MB, 'x'), ErrorClass.INVALID_RESPONSE],
    ['JSON', Buffer.alloc(16 * MB, '['), ErrorClass.INVALID_RESPONSE],
  ])('that is a bomb of %s is left when it is too large', async (_what, member, errorClass) => {
    const before = used();
    const bomb = gzipSync(member);
    // A thousand times sixteen megabytes, from a few.
    const answer = await gzip(Buffer.concat(Array.from({ length: 64 }, () => bomb)));
    expect(providerErrorOf(answer).errorClass).toBe(errorClass);
    expect(used() - before).toBeLessThan(24 * MB);
  });

  test('that is a bomb of an error gives the error', async () => {
    const answer = await answered({ status: 400, headers: { 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(64 * MB, 'x')) });
    expect(providerErrorOf(answer).errorClass).toBe(ErrorClass.INVALID_REQUEST);
  });
});

describe('an answer that is hardly HTTP', () => {
  const raw = async (text: string | Uint8Array, ending: 'end' | 'hold' = 'end'): Promise<CollectedAnswer> => {
    await using upstream = await rawUpstream((socket) => (ending === 'end' ? socket.end(text) : socket.write(text)));
    return await askHostile(upstream.url);
  };
  const body = 'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';

  test.each([
    ['a header of four megabytes', `HTTP/1.1 200 OK\r\nx-big: ${'x'.repeat(4 * MB)}\r\n\r\n`],
    ['a hundred thousand headers', `HTTP/1.1 200 OK\r\n${'x-a: 1234567890\r\n'.repeat(100_000)}\r\n`],
    ['no HTTP at all', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['another protocol', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['bytes', Buffer.alloc(4096, 0xff)],
    ['a chunk of a size that nobody has', `${OK}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\nx`],
    ['two lengths', `${OK}content-length: 5\r\ncontent-length: 6\r\n\r\n${body}`],
    ['a length that is none', `${OK}content-length: -1\r\n\r\n${body}`],
    ['what only somebody gets who asked for it', `${'HTTP/1.1 100 Continue\r\n\r\n'.repeat(10_000)}${OK}\r\n${body}`],
    ['nothing', ''],
  ])('is an error: %s', async (_what, text) => {
    const error = providerErrorOf(await raw(text));
    expect([ErrorClass.NETWORK, ErrorClass.INVALID_RESPONSE, ErrorClass.TRUNCATED]).toContain(error.errorClass);
    expect(error.message).not.toBe('');
  });

  test('says what is wrong when there are too many headers, or when it is none', async () => {
    expect(providerErrorOf(await raw(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(MB)}\r\n\r\n`)).message).toMatch(/more headers than any provider has/);
    expect(providerErrorOf(await raw('SSH-2.0-OpenSSH_9.6\r\n')).message).toMatch(/no HTTP\/1\.1: is base_url right\?/);
  });

  test('is read when it has ten thousand small headers, or ten thousand others before it', async () => {
    expect((await raw(`HTTP/1.1 200 OK\r\n${'a:b\r\n'.repeat(10_000)}\r\n${body}`)).text).toBe('Hi');
    expect((await raw(`${'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'.repeat(10_000)}${OK}\r\n${body}`)).text).toBe('Hi');
  });

  test('is not the answer of the next caller when nobody asked for it', async () => {
    const of = (text: string): string => {
      const own = body.replace('Hi', text);
      return `${OK}content-length: ${own.length}\r\n\r\n${own}`;
    };
    await using upstream = await rawUpstream((socket, request) => socket.write(request === 0 ? of('first') + of('somebody else’s'.replace('’', "'")) : of('second')));
    expect((await askHostile(upstream.url)).text).toBe('first');
    expect((await askHostile(upstream.url)).text).toBe('second');
  });

  test('with an error whose body stops without an end is the error all the same', async () => {
    const answer = await raw('HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 1000\r\n\r\nslow down', 'hold');
    expect(providerErrorOf(answer)).toMatchObject({ errorClass: ErrorClass.RATE_LIMIT, retryAfterMs: 7000, message: 'slow down' });
  });
});
