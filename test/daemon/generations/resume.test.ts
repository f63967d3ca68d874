import { constants } from 'node:http2';
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../../src/daemon/failure.ts';
import { GenerateServiceService } from '../../../src/gen/tollgate/v1/generate_service.ts';
import { ErrorClass, ProviderError } from '../../../src/plugins/provider.ts';
import { made } from '../access/access-calls.ts';
import { ask, testDaemon } from '../test-daemon.ts';
import { cuttable } from './cuttable.ts';
import { generating, idOf, resuming, seqs, upTo } from './follow.ts';
import { toldProvider } from './told-provider.ts';
import { unreadCall } from './unread-call.ts';

/** An RST_STREAM frame that says CANCEL. */
function resetOf(streamId: number): Buffer {
  const frame = Buffer.from([0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 0, 0, constants.NGHTTP2_CANCEL]);
  frame.writeUInt32BE(streamId, 5);
  return frame;
}

const keyed = ask({ model: 'p/m', idempotencyKey: 'k' });
const plain = ask({ model: 'p/m' });

async function setUp() {
  const told = toldProvider();
  const daemon = await testDaemon({ providers: [told.provider] });
  return { told, daemon, token: daemon.adminToken, client: daemon.generateClient };
}

describe('a generation with an idempotency key whose connection is cut in the middle', () => {
  it.each([
    ['by a process that ends, over TCP', 'end', 'grpc'],
    ['by a network that drops it, over TCP', 'reset', 'grpc'],
    ['by a process that ends, over the socket', 'end', 'socket'],
  ] as const)('%s goes on, and comes back whole over a new connection', async (_what, how, where) => {
    const { told, daemon, token, client } = await setUp();
    const line = await cuttable(daemon.daemon[where] ?? '');
    const before = generating(line.client, keyed, token);
    const answer = await told.answer(0);
    answer.say('a', 'b', 'c');
    await before.reached(4);
    line.cut(how);
    expect((await before.ended)?.code).toBe(status.UNAVAILABLE);
    answer.say('d', 'e');
    while (answer.taken < 5) await new Promise(setImmediate);
    const after = resuming(client, idOf(before), before.lastSeq, token);
    await after.reached(2);
    answer.say('f');
    answer.finish();
    expect(await after.ended).toBeUndefined();
    expect(before.text + after.text).toBe('abcdef');
    expect(seqs(before, after)).toEqual(upTo(8));
    expect(after.events.at(-1)?.event?.$case).toBe('finish');
    expect(told.provider.requests).toHaveLength(1);
  });

  it('is found by the same request too, from its first event', async () => {
    const { told, daemon, token, client } = await setUp();
    const line = await cuttable(daemon.daemon.grpc ?? '');
    const before = generating(line.client, keyed, token);
    const answer = await told.answer(0);
    answer.say('a');
    await before.reached(2);
    line.cut('reset');
    await before.ended;
    const again = generating(client, keyed, token);
    await again.reached(2);
    answer.say('b');
    answer.finish();
    expect(await again.ended).toBeUndefined();
    expect(again.text).toBe('ab');
    expect(idOf(again)).toBe(idOf(before));
    expect(told.provider.requests).toHaveLength(1);
  });

  it('keeps what it says for the one that comes back, and waits when that is too much', async () => {
    const { told, daemon, token, client } = await setUp();
    const line = await cuttable(daemon.daemon.grpc ?? '');
    const before = generating(line.client, keyed, token);
    const answer = await told.answer(0);
    answer.say('begin');
    await before.reached(2);
    line.cut('reset');
    await before.ended;
    const pieces = Array.from({ length: 800 }, (_, at) => `${at}`.padStart(10_000, '.'));
    answer.say(...pieces);
    answer.finish();
    let taken = -1;
    while (taken !== answer.taken) {
      taken = answer.taken;
      for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
    }
    expect(taken).toBeGreaterThan(300);
    expect(taken).toBeLessThan(500);
    const after = resuming(client, idOf(before), before.lastSeq, token);
    expect(await after.ended).toBeUndefined();
    expect(after.text === pieces.join('')).toBe(true);
    expect(seqs(before, after)).toEqual(upTo(803));
  });
});

describe('a caller that goes', () => {
  it('without an idempotency key ends the generation within 100 ms when its connection is lost', async () => {
    const { told, daemon, token } = await setUp();
    const line = await cuttable(daemon.daemon.grpc ?? '');
    const stream = generating(line.client, plain, token);
    const answer = await told.answer(0);
    answer.say('a');
    await stream.reached(2);
    const cutMs = performance.now();
    line.cut('end');
    const { atMs, reason } = await answer.stopped;
    expect(atMs - cutMs).toBeLessThan(100);
    expect(reason).toMatchObject({ reason: 'CANCELLED', message: expect.stringContaining('connection was lost') });
  });

  it.each([
    ['hangs up', undefined],
    ['has no time left', 300],
  ])('with an idempotency key ends the generation at once when it %s', async (_what, timeMs) => {
    const { told, token, client } = await setUp();
    const deadlineMs = Date.now() + (timeMs ?? 0);
    const stream = generating(client, keyed, token, timeMs === undefined ? undefined : new Date(deadlineMs));
    const answer = await told.answer(0);
    answer.say('a');
    await stream.reached(2);
    const goneMs = timeMs === undefined ? performance.now() : performance.now() + deadlineMs - Date.now();
    if (timeMs === undefined) stream.cancel();
    const { atMs, reason } = await answer.stopped;
    expect(atMs - goneMs).toBeLessThan(100);
    expect(reason).toBeInstanceOf(Failure);
    expect(reason).toMatchObject({ reason: timeMs === undefined ? 'CANCELLED' : 'DEADLINE' });
  });

  it('resets its stream and closes its connection in one packet: it has hung up', async () => {
    const { told, daemon } = await setUp();
    const opening = unreadCall(daemon, GenerateServiceService.generate, keyed);
    const answer = await told.answer(0);
    answer.say('a');
    const { socket, stream } = await opening;
    const goneMs = performance.now();
    socket.end(resetOf(stream.id ?? 0));
    const { atMs, reason } = await answer.stopped;
    expect(atMs - goneMs).toBeLessThan(100);
    expect(reason).toMatchObject({ reason: 'CANCELLED', message: 'the caller went away' });
  });

  it('closes its connection without a word about its stream: it may come back', async () => {
    const { told, daemon, token, client } = await setUp();
    const opening = unreadCall(daemon, GenerateServiceService.generate, keyed);
    const answer = await told.answer(0);
    answer.say('a');
    (await opening).socket.end();
    for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
    const again = generating(client, keyed, token);
    await again.reached(2);
    const resumed = resuming(client, idOf(again), 1n, token);
    answer.say('b');
    answer.finish();
    expect(await again.ended).toBeUndefined();
    expect(await resumed.ended).toBeUndefined();
    expect([again.text, resumed.text]).toEqual(['ab', 'b']);
    expect(told.provider.requests).toHaveLength(1);
  });

  it.each([
    ['with', keyed],
    ['without', plain],
  ])('leaves a generation %s an idempotency key to its other readers, and the last one ends it', async (_what, request) => {
    const { told, token, client } = await setUp();
    const first = generating(client, request, token);
    const answer = await told.answer(0);
    answer.say('a');
    await first.reached(2);
    const second = resuming(client, idOf(first), undefined, token);
    await second.reached(2);
    first.cancel();
    await first.ended;
    answer.say('b');
    await second.reached(3);
    expect(second.text).toBe('ab');
    second.cancel();
    expect((await answer.stopped).reason).toMatchObject({ reason: 'CANCELLED' });
  });
});

it('a generation that nobody reads ends with the daemon', async () => {
  const { told, daemon, token } = await setUp();
  const line = await cuttable(daemon.daemon.grpc ?? '');
  const stream = generating(line.client, keyed, token);
  const answer = await told.answer(0);
  answer.say('a');
  await stream.reached(2);
  line.cut('reset');
  while (daemon.daemon.running > 0) await new Promise(setImmediate);
  await daemon.daemon.close();
  expect((await answer.stopped).reason).toMatchObject({ reason: 'SHUTTING_DOWN' });
  expect(daemon.log.filter((text) => text.includes('generation failed'))).toHaveLength(1);
});

describe('ResumeGeneration', () => {
  it('tells another client nothing', async () => {
    const { told, daemon, token, client } = await setUp();
    const { token: stranger } = await made(daemon, { client: 'stranger', scopes: ['generate'] });
    const { token: friend } = await made(daemon, { client: 'friend', scopes: ['generate'] });
    const { token: friendToo } = await made(daemon, { client: 'friend', scopes: ['generate'] });
    const stream = generating(client, keyed, friend);
    const answer = await told.answer(0);
    answer.say('secret');
    await stream.reached(2);
    const id = idOf(stream);
    for (const other of [stranger, token]) {
      const seen = resuming(client, id, undefined, other);
      expect(await seen.ended).toMatchObject({ code: status.NOT_FOUND, reason: 'GENERATION_NOT_FOUND' });
      expect(seen.events).toEqual([]);
    }
    const mine = resuming(client, id, undefined, friendToo);
    await mine.reached(2);
    expect(mine.text).toBe('secret');
    answer.finish();
    await Promise.all([mine.ended, stream.ended]);
    expect(await resuming(client, id, undefined, stranger).ended).toMatchObject({ reason: 'GENERATION_NOT_FOUND' });
  });

  it.each(['', 'gen_nobody'])('does not find the generation "%s"', async (id) => {
    const { token, client } = await setUp();
    expect(await resuming(client, id, undefined, token).ended).toMatchObject({ code: status.NOT_FOUND, reason: 'GENERATION_NOT_FOUND' });
  });

  it.each([-1n, 2n, 2n ** 62n])('refuses after_seq %s of a generation that has two events', async (afterSeq) => {
    const { told, token, client } = await setUp();
    const stream = generating(client, plain, token);
    (await told.answer(0)).say('a');
    await stream.reached(2);
    expect(await resuming(client, idOf(stream), afterSeq, token).ended).toMatchObject({ reason: 'REQUEST_INVALID', fields: ['after_seq'] });
  });

  it('has the end of an answer without an idempotency key, and no more', async () => {
    const { told, token, client } = await setUp();
    const stream = generating(client, plain, token);
    const answer = await told.answer(0);
    answer.say(...Array.from({ length: 100 }, (_, at) => `${at} `));
    answer.finish();
    expect(await stream.ended).toBeUndefined();
    const [id, last] = [idOf(stream), stream.lastSeq ?? 0n];
    expect(await resuming(client, id, undefined, token).ended).toMatchObject({ code: status.OUT_OF_RANGE, reason: 'RESUME_EXPIRED', metadata: { generation: id } });
    const end = resuming(client, id, last - 10n, token);
    expect(await end.ended).toBeUndefined();
    expect(end.events).toEqual(stream.events.slice(-10));
    const nothing = resuming(client, id, last, token);
    expect(await nothing.ended).toBeUndefined();
    expect(nothing.events).toEqual([]);
  });

  it('ends as the generation ended: with its failure, its attempts and the text so far', async () => {
    const { told, token, client } = await setUp();
    const stream = generating(client, keyed, token);
    const answer = await told.answer(0);
    answer.say('half');
    await stream.reached(2);
    answer.fail(new ProviderError(ErrorClass.INVALID_REQUEST, 'no more', { httpStatus: 400 }));
    const failure = await stream.ended;
    expect(failure).toMatchObject({ reason: 'REQUEST_REJECTED', generation: { partial: true, attempts: [{ provider: 'p' }] } });
    const again = resuming(client, idOf(stream), undefined, token);
    expect(await again.ended).toEqual(failure);
    expect(again.text).toBe('half');
  });
});
