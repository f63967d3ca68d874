import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import { openJournal } from '../../../src/daemon/usage/journal/open-journal.ts';
import { Attempt_Outcome } from '../../../src/gen/tollgate/v1/content.ts';
import type { GenerateResponse } from '../../../src/gen/tollgate/v1/generate_service.ts';
import { GetQuotaRequest, UsageServiceService, UsageSource, type Generation } from '../../../src/gen/tollgate/v1/usage_service.ts';
import { mockUpstream, type MockAnswer, type MockRequest } from '../../mock-upstream.ts';
import { settled, usageClient } from '../settled-generations.ts';
import { ask, bearer, testDaemon, userSays, type TestDaemon } from '../test-daemon.ts';
import type { BilledStream } from './billed-stream.ts';
import { all } from './ledger-home.ts';
import { heardLog } from './journal-home.ts';
import { call } from './usage-server.ts';

/** At once, which is also how many places there are. */
const CALLS = 4;
const LIMIT = 6000;
/** In pico-USD a token. */
const [INPUT, CACHED, OUTPUT] = [2_000_000n, 200_000n, 10_000_000n];
const PRICES = { '*/*': { input: '2', cache_read: '0.2', output: '10' } };

/** One call that is hung up on behind so many pieces of its answer. */
interface Visit {
  readonly stream: BilledStream;
  readonly position: number;
  readonly written: PromiseWithResolvers<void>;
  readonly hungUp: PromiseWithResolvers<void>;
  request?: MockRequest;
}

const visitsTo = (stream: BilledStream, positions: number): readonly Visit[] => {
  const most = stream.pieces.length - 1;
  const count = Math.min(positions, most);
  return Array.from({ length: count }, (_, at) => ({ stream, position: Math.round(((at + 1) * most) / count), written: Promise.withResolvers(), hungUp: Promise.withResolvers() }));
};

function answerTo(visits: readonly Visit[], request: MockRequest): MockAnswer {
  const visit = visits[Number(/visit #(\d+)#/.exec(request.body)?.[1])];
  if (visit === undefined) throw new Error('nobody asked this');
  visit.request = request;
  const { stream, position } = visit;
  const rest = async function* (): AsyncGenerator<string, void> {
    for (const { wire } of stream.pieces.slice(0, position)) yield wire;
    visit.written.resolve();
    if (!stream.billsOn) return;
    await visit.hungUp.promise;
    for (const { wire } of stream.pieces.slice(position)) yield wire;
  };
  return { headers: { 'content-type': stream.contentType }, rest: rest(), ending: stream.billsOn ? 'end' : 'hold' };
}

/** Resolves when the daemon knows that this generation was hung up on. */
async function knowsOf(generationId: string, { log }: TestDaemon): Promise<void> {
  for (let at = Math.max(0, log.length - 200); ; await nextTurn()) {
    for (; at < log.length; at++) if (log[at]?.includes(generationId) === true && log[at]?.includes('generation failed') === true) return;
  }
}

/** Asks, reads what is there to the position, and hangs up. */
async function visitOnce(daemon: TestDaemon, visit: Visit, index: number): Promise<void> {
  const { stream, position } = visit;
  const wanted = stream.pieces.slice(0, position).reduce((text, piece) => text + piece.text, '');
  const asked = ask({ model: `${stream.name}/${stream.model}`, maxOutputTokens: LIMIT, messages: [userSays(`This is visit #${index}# ${'and so '.repeat(stream.inputTokens / 2)}`)], labels: { visit: String(index) } });
  const running = daemon.generateClient.generate(asked, bearer(daemon.adminToken));
  const ended = new Promise<void>((resolve) => running.once('error', () => resolve()).once('end', resolve));
  const read = Promise.withResolvers<string>();
  let [text, id] = ['', ''];
  running.on('data', ({ event }: GenerateResponse) => {
    if (event?.$case === 'attemptStarted') id = event.value.generationId;
    if (event?.$case === 'textDelta') text += event.value.text;
    if (id !== '' && text.length >= wanted.length) read.resolve(id);
  });
  const generationId = await Promise.race([read.promise, ended.then(() => Promise.reject(new Error(`${stream.name} ended before byte ${wanted.length} of its text`)))]);
  await visit.written.promise;
  running.cancel();
  await ended;
  await knowsOf(generationId, daemon);
  visit.hungUp.resolve();
  expect(await visit.request?.closed).toBe(stream.billsOn ? 'answered' : 'aborted');
}

/** What the provider bills, by its own count. */
function billed({ stream, position }: Visit): bigint {
  const outputTokens = stream.billsOn ? stream.outputTokens : (stream.pieces[position - 1]?.outputTokens ?? 0);
  return BigInt(stream.inputTokens - stream.cachedTokens) * INPUT + BigInt(stream.cachedTokens) * CACHED + BigInt(outputTokens) * OUTPUT;
}

/** Says what is wrong with what the books have of a visit. */
function wrongWith(visit: Visit, { statusReason, usageSource, cost, attempts }: Generation): string {
  const { stream, position } = visit;
  const [low, expected, high, truth] = [cost?.lowPicoUsd ?? 0n, cost?.expectedPicoUsd, cost?.highPicoUsd ?? 0n, billed(visit)];
  const source = stream.billsOn ? UsageSource.REPORTED : UsageSource.ESTIMATED;
  const isRight = statusReason === 'CANCELLED' && attempts.length === 1 && attempts[0]?.outcome === Attempt_Outcome.CANCELLED && usageSource === source;
  const holds = low <= truth && truth <= high && (!stream.billsOn || expected === truth);
  return isRight && holds ? '' : `${stream.name} at ${position}: billed ${truth}, in the books ${low} ${expected} ${high}, source ${usageSource}, ${statusReason}`;
}

/** Each reservation of a journal has exactly one end. */
async function expectOneEnd(dir: string, count: number): Promise<void> {
  const journal = await openJournal({ dir, log: heardLog(), reserveBytes: 4096 });
  const records = (await all(journal.replay())).map(({ record }) => record);
  await journal.close();
  const idsOf = (...types: readonly string[]): readonly string[] => records.flatMap((record) => ('id' in record && types.includes(record.type) ? [record.id] : [])).toSorted();
  expect(idsOf('RESERVE')).toHaveLength(count);
  expect(idsOf('SETTLE', 'VOID', 'EXPIRE')).toEqual(idsOf('RESERVE'));
}

/** Hangs up on each answer at so many places, through a whole daemon, and looks at what the books make of it. Returns how many calls that were. */
export async function hangUpEverywhere(streams: readonly BilledStream[], positions: number): Promise<number> {
  const visits = streams.flatMap((stream) => visitsTo(stream, positions));
  const upstream = await mockUpstream((request) => answerTo(visits, request));
  onTestFinished(() => upstream.close());
  const providers = Object.fromEntries(streams.map(({ name, type, settings }) => [name, { settings, ...(name === type ? {} : { type }), base_url: upstream.url, key_env: 'TEST_KEY' }]));
  const daemon = await testDaemon({ variables: { TEST_KEY: 'sk-test-0123456789abcdef0123456789' }, config: { providers, prices: PRICES, limits: { streams: CALLS }, tiers: { admin: { requests: { month: 100_000 } } } } });

  const left = [...visits.entries()].toReversed();
  const worker = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) await visitOnce(daemon, next[1], next[0]);
  };
  await Promise.all(Array.from({ length: CALLS }, worker));

  const generations = await settled(daemon, visits.length);
  const byVisit = new Map(generations.map((generation) => [generation.labels['visit'], generation]));
  expect(byVisit.size).toBe(visits.length);
  expect([...visits.entries()].map(([index, visit]) => wrongWith(visit, byVisit.get(String(index))!)).filter((wrong) => wrong !== '')).toEqual([]);
  const { response } = await call(usageClient(daemon), UsageServiceService.getQuota, GetQuotaRequest.fromPartial({}), daemon.adminToken);
  expect(response?.windows).toMatchObject([{ used: BigInt(visits.length), reserved: 0n }]);
  await daemon.daemon.close(true);
  await expectOneEnd(daemon.environment.home.journalDir, visits.length);
  return visits.length;
}
