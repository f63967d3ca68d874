import { once } from 'node:events';
import { status, type ClientWritableStream, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, it, vi } from 'vitest';
import { Failure } from '../../../src/daemon/failure.ts';
import { type Generation, ImportUsageRequest, type ImportUsageResponse } from '../../../src/gen/tollgate/v1/usage_service.ts';
import { bearer, rpcFailure } from '../test-daemon.ts';
import { memoryBook, type MemoryBook } from './memory-book.ts';
import { usageServer, type Answer, type UsageServer } from './usage-server.ts';

/** On a busy machine. */
const SOON = { timeout: 10_000 };

type Fields = Parameters<typeof Generation.fromPartial>[0];

const good = (generationId: string, fields: Fields = {}): Fields => ({ generationId, client: 'app', startTime: new Date(1000), settleTime: new Date(2000), ...fields });

interface Import {
  readonly stream: ClientWritableStream<ImportUsageRequest>;
  readonly answer: Promise<Answer<ImportUsageResponse>>;
}

function open({ client, token }: UsageServer, scopes: Parameters<UsageServer['token']>[1] = ['usage:admin']): Import {
  const answer = Promise.withResolvers<Answer<ImportUsageResponse>>();
  const stream = client.importUsage(bearer(token('ops', scopes)), (error: ServiceError | null, response) => answer.resolve(error === null ? { response } : { failure: rpcFailure(error) }));
  stream.on('error', () => undefined);
  return { stream, answer: answer.promise };
}

const send = ({ stream }: Import, ...generations: readonly Fields[]): void => {
  for (const generation of generations) stream.write(ImportUsageRequest.fromPartial({ generation }));
};

async function imported(server: UsageServer, ...generations: readonly Fields[]): Promise<Answer<ImportUsageResponse>> {
  const call = open(server);
  send(call, ...generations);
  call.stream.end();
  return call.answer;
}

describe('ImportUsage', () => {
  it('takes in what is new and counts what is known, also when it comes twice in one stream', async () => {
    const book = memoryBook();
    const server = await usageServer(book);
    expect((await imported(server, good('a'), good('b'), good('a'))).response).toEqual({ importedCount: 2n, duplicateCount: 1n });
    expect((await imported(server, good('b'), good('c'))).response).toEqual({ importedCount: 1n, duplicateCount: 1n });
    expect((await imported(server)).response).toEqual({ importedCount: 0n, duplicateCount: 0n });
    expect(book.settled.map(({ generationId }) => generationId)).toEqual(['a', 'b', 'c']);
    expect(server.log.join('')).toContain('"rpc":"ImportUsage"');
  });

  it('is for usage:admin alone', async () => {
    const server = await usageServer(memoryBook());
    const call = open(server, ['usage:read', 'admin']);
    send(call, good('a'));
    expect((await call.answer).failure).toMatchObject({ code: status.PERMISSION_DENIED, reason: 'SCOPE_MISSING', metadata: { scope: 'usage:admin' } });
  });

  it.each<[string, Fields | undefined, string]>([
    ['no generation', undefined, 'generation'],
    ['no id', good(''), 'generation.generation_id'],
    ['no name of a client', good('x', { client: '../etc' }), 'generation.client'],
    ['no time of its end', good('x', { settleTime: undefined }), 'generation.settle_time'],
    ['a time that is none', good('x', { startTime: new Date(8.64e15) }), 'generation.start_time'],
    ['an end next year', good('x', { settleTime: new Date(Date.now() + 400 * 86_400_000) }), 'generation.settle_time'],
    ['a negative duration', good('x', { duration: { seconds: -1n } }), 'generation.duration'],
    ['negative tokens', good('x', { usage: { inputTokens: -1n } }), 'generation.usage'],
    ['a negative cost', good('x', { cost: { expectedPicoUsd: -1n } }), 'generation.cost'],
    ['a negative cost of an attempt', good('x', { attempts: [{}, { cost: { lowPicoUsd: -1n } }] }), 'generation.attempts[1].cost'],
    ['more labels than a request may have', good('x', { labels: Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`l${at}`, ''])) }), 'generation.labels'],
    ['more than any daemon records', good('x', { model: 'm'.repeat(65_536) }), 'generation'],
  ])('refuses %s, naming the field and which one of the stream it is, and keeps those before it', async (_what, wrong, field) => {
    const book = memoryBook();
    const server = await usageServer(book);
    const call = open(server);
    send(call, good('before'));
    call.stream.write(ImportUsageRequest.fromPartial(wrong === undefined ? {} : { generation: wrong }));
    send(call, good('after'));
    // The answer comes although the stream goes on.
    const { failure } = await call.answer;
    expect(failure).toMatchObject({ code: status.INVALID_ARGUMENT, reason: 'REQUEST_INVALID', fields: [field] });
    expect(failure?.message).toContain('(message 2 of the stream)');
    expect(book.settled[0]?.generationId).toBe('before');
  });

  it('says what the book says when nothing can be recorded', async () => {
    const book: MemoryBook = { ...memoryBook(), import: async () => { throw new Failure('JOURNAL_UNAVAILABLE', 'the disk is full'); } };
    expect((await imported(await usageServer(book), good('a'))).failure).toMatchObject({ code: status.UNAVAILABLE, reason: 'JOURNAL_UNAVAILABLE' });
  });

  it('has 64 in its hands at the most, and lets the caller wait', async () => {
    const room = Promise.withResolvers<void>();
    let running = 0;
    let most = 0;
    const book: MemoryBook = {
      ...memoryBook(),
      import: async () => {
        most = Math.max(most, ++running);
        await room.promise;
        running--;
        return 'imported';
      },
    };
    const call = open(await usageServer(book));
    const labels = { filler: 'x'.repeat(250) };
    const all = Array.from({ length: 8000 }, (_, at) => good(`g-${at}`, { labels }));
    send(call, ...all);
    await vi.waitFor(() => expect(running).toBe(64), SOON);
    // The rest waits with the caller, but for what the windows between the two hold.
    expect(call.stream.writableLength).toBeGreaterThan(2000);
    room.resolve();
    call.stream.end();
    expect((await call.answer).response?.importedCount).toBe(8000n);
    expect(most).toBe(64);
  });

  it('lets go of a caller that leaves', async () => {
    const book = memoryBook();
    const server = await usageServer(book);
    const call = open(server);
    send(call, good('a'));
    await vi.waitFor(() => expect(book.settled).toHaveLength(1), SOON);
    call.stream.cancel();
    expect((await call.answer).failure?.code).toBe(status.CANCELLED);
    await vi.waitFor(() => expect(server.log.join('')).toContain('"imported":1'), SOON);
  });

  it.each([['are no message', Buffer.from([0x0a, 0xff, 0xff])], ['are more than any generation has', Buffer.from(ImportUsageRequest.encode(ImportUsageRequest.fromPartial({ generation: good('a', { model: 'm'.repeat(1024 * 1024) }) })).finish())]])('takes bytes that %s for a wrong request', async (_what, bytes) => {
    const server = await usageServer(memoryBook());
    const failed = Promise.withResolvers<ServiceError>();
    const stream = server.client.makeClientStreamRequest('/tollgate.v1.UsageService/ImportUsage', (raw: Buffer) => raw, (raw: Buffer) => raw, bearer(server.token('ops', ['usage:admin'])), (error) => failed.resolve(error!));
    stream.on('error', () => undefined);
    stream.write(bytes);
    expect(rpcFailure(await failed.promise)).toMatchObject({ code: status.INVALID_ARGUMENT, reason: 'REQUEST_INVALID' });
  });

  it('gives back to another daemon what the first one exports, once', async () => {
    const first = memoryBook();
    for (let number = 0; number < 300; number++) first.settle({ generationId: `g-${number}`, settleTime: new Date(number * 1000), usage: { inputTokens: BigInt(number) }, labels: { team: 'a' } });
    const from = await usageServer(first);
    const second = memoryBook();
    const into = await usageServer(second);
    const copy = async (): Promise<Answer<ImportUsageResponse>> => {
      const call = open(into);
      for await (const message of from.client.exportUsage({ filter: undefined }, bearer(from.token('ops', ['usage:admin']))) as AsyncIterable<ImportUsageRequest>) {
        if (!call.stream.write(message)) await once(call.stream, 'drain');
      }
      call.stream.end();
      return call.answer;
    };
    expect((await copy()).response).toEqual({ importedCount: 300n, duplicateCount: 0n });
    expect((await copy()).response).toEqual({ importedCount: 0n, duplicateCount: 300n });
    expect(second.settled.toSorted((a, b) => Number(a.settleTime) - Number(b.settleTime))).toEqual(first.settled);
  });
});
