import { credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GenerateServiceClient } from '../../src/gen/tollgate/v1/generate_service.ts';
import { spawnDaemon, type SpawnedDaemon } from '../e2e/spawn-daemon.ts';
import { providerFor, requestFor } from './ask-case.ts';
import { readCases, type RecordedCase } from './cases.ts';
import { compare, compareCut } from './compare.ts';
import { readAnswer, type ReadAnswer } from './read-answer.ts';
import { startReplay, type Replay } from './replay.ts';

const STALL_MS = 5;
const CUTS = 16;
/** A long answer comes in tens of thousands of pieces, on a machine that also does other things. */
const TIMEOUT_MS = 60_000;

/** One way of sending a case's answer, and the configured provider whose base_url asks for it. */
interface Run {
  readonly mode: string;
  readonly instance: string;
}

interface Plan {
  readonly recorded: RecordedCase;
  readonly whole: readonly Run[];
  readonly cut: readonly Run[];
}

const cases = readCases();
let instances = 0;
const runs = (modes: readonly string[]): readonly Run[] => modes.map((mode) => ({ mode, instance: `r${instances++}` }));
const cutOffsets = (bytes: number): readonly number[] => Array.from({ length: CUTS - 1 }, (_, at) => Math.floor((bytes * (at + 1)) / CUTS));

const plans: readonly Plan[] = cases.map((recorded) => ({
  recorded,
  whole: runs(['whole', 'bytes:1', 'bytes:7', ...(recorded.expected.cut_offsets ?? []).map((offset) => `stall:${offset}:${STALL_MS}`)]),
  cut: runs(recorded.expected.outcome === 'ok' ? [...new Set(cutOffsets(recorded.bytes))].map((offset) => `cut:${offset}`) : []),
}));

describe.runIf(cases.length > 0)('a recorded answer', () => {
  let replay: Replay;
  let daemon: SpawnedDaemon;
  let client: GenerateServiceClient;
  let asked = 0;

  beforeAll(async () => {
    replay = await startReplay();
    const providers = plans.flatMap(({ recorded, whole, cut }) =>
      [...whole, ...cut].map(({ instance, mode }) => [instance, { ...providerFor(recorded), base_url: replay.url(recorded.folder, recorded.name, mode), key_env: 'RECORDED_KEY' }]),
    );
    daemon = await spawnDaemon({
      // What each answer means is looked at here, not what is made of it.
      config: { providers: Object.fromEntries(providers), limits: { streams_per_client: 256 }, routing: { retries: false } },
      variables: { RECORDED_KEY: 'recorded-QqZzXx-0123456789' },
    });
    client = new GenerateServiceClient(daemon.grpc, credentials.createInsecure());
  });

  afterAll(async () => {
    client.close();
    await daemon.stop();
    await replay.stop();
    const modes = plans.reduce((sum, { whole }) => sum + whole.length, 0);
    console.log(`recorded answers: ${cases.length} cases × modes = ${modes} answers, and ${asked - modes} cut`);
  });

  /** Asks in every way at once; says for each what is wrong. */
  async function problemsOf(recorded: RecordedCase, ways: readonly Run[], judge: (answer: ReadAnswer) => readonly string[]): Promise<Readonly<Record<string, readonly string[]>>> {
    const answers = await Promise.all(ways.map(async ({ mode, instance }) => [mode, judge(await readAnswer(client, daemon.adminToken, requestFor(recorded, instance)))] as const));
    asked += ways.length;
    return Object.fromEntries(answers.filter(([, problems]) => problems.length > 0));
  }

  describe.concurrent.each(plans)('$recorded.folder/$recorded.name', ({ recorded, whole, cut }) => {
    it('is read the same whole, in bytes and with a pause at every border', async () => {
      expect(await problemsOf(recorded, whole, (answer) => compare(recorded.expected, answer))).toEqual({});
    }, TIMEOUT_MS);

    if (cut.length > 0) it('is an error or the full answer when it is cut', async () => {
      expect(await problemsOf(recorded, cut, (answer) => compareCut(recorded.expected, answer))).toEqual({});
    }, TIMEOUT_MS);
  });

});

if (cases.length === 0) {
  console.log('skipped: the recorded answers; ../shared/fixtures is not there');
  it.skip('recorded answers are read when ../shared/fixtures is there', () => {});
}
