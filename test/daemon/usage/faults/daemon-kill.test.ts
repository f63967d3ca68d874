import { rmSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { GenerateResponse } from '../../../../src/gen/tollgate/v1/generate_service.ts';
import { randomOf } from '../seeded-random.ts';
import { billedHome, type BilledDaemon, type BilledHome, type SeenCall } from './billed-daemon.ts';
import { checkBooks, checkJournal } from './check-books.ts';

/** The nightly run sets more, e.g. 1000. */
const KILLS = Number(process.env['TOLLGATE_TEST_DAEMON_KILLS'] ?? 20);
const SEED = Number(process.env['TOLLGATE_TEST_SEED'] ?? 5);
const CLIENTS = 8;

/** Lets clients call one after the other until the daemon is gone, or refuses; kills it at the n-th event of all of them, or at the finish that follows it. */
async function underLoad(daemon: BilledDaemon, killAt: number, random: (below: number) => number): Promise<SeenCall[]> {
  const calls: SeenCall[] = [];
  const isAtFinish = random(2) === 0;
  let events = 0;
  const onEvent = ({ event }: GenerateResponse): void => {
    if (++events >= killAt && (!isAtFinish || event?.$case === 'finish')) daemon.spawned.child.kill('SIGKILL');
  };
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      for (let last: SeenCall | undefined; last === undefined || last.finish !== undefined; ) {
        last = await daemon.generate(1 + random(40), onEvent);
        calls.push(last);
      }
    }),
  );
  return calls;
}

/** Ends a daemon while it starts: what was left open is settled just then. */
async function killAtStart(home: BilledHome): Promise<void> {
  const { child, exit } = home.spawn();
  await Promise.race([child.stderr === null ? exit : once(child.stderr, 'data'), exit]);
  child.kill('SIGKILL');
  await exit;
}

async function stop({ spawned }: BilledDaemon): Promise<void> {
  spawned.child.kill('SIGTERM');
  expect(await spawned.exit).toBe(0);
}

describe('kill -9 of the daemon', () => {
  it(`loses nothing that was acknowledged, counts nothing twice and leaves nothing open, at any moment, under ${CLIENTS} clients (${KILLS} kills, seed ${SEED})`, { timeout: 60_000 + KILLS * 4000 }, async () => {
    const random = randomOf(SEED);
    const home = await billedHome({ requests: { month: 10_000_000 } });
    const all: SeenCall[] = [];
    let crashed = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const since = new Date();
      const daemon = await home.start();
      const calls = await underLoad(daemon, 1 + random(400), random);
      await daemon.spawned.exit;
      all.push(...calls);
      if (random(3) === 0) rmSync(daemon.spawned.environment.home.usageFile, { force: true });
      if (random(4) === 0) await killAtStart(home);
      const after = await home.start();
      checkBooks(await after.exported(since), calls);
      const [window] = await after.quota();
      expect(window?.reserved).toBe(0n);
      crashed += calls.filter(({ finish }) => finish === undefined).length;
      await after.kill();
    }
    const last = await home.start();
    const exported = await last.exported();
    checkBooks(exported, all);
    const [window] = await last.quota();
    await stop(last);
    const { settled, attempts } = await checkJournal(last.spawned.environment.home.journalDir);
    // Counter, fold and journal agree, and nobody was called whom the journal does not know.
    expect([window?.used, window?.reserved, exported.length]).toEqual([BigInt(settled), 0n, settled]);
    expect(home.upstream.requests.length).toBeLessThanOrEqual(attempts);
    expect(crashed).toBeGreaterThan(KILLS);
    expect(all.filter(({ finish }) => finish !== undefined).length).toBeGreaterThan(KILLS);
  });

  it('never lets a limit be overrun, however often it comes', { timeout: 120_000 }, async () => {
    const limit = 60;
    const random = randomOf(SEED + 1);
    const home = await billedHome({ requests: { month: limit } });
    const all: SeenCall[] = [];
    for (let isUsedUp = false; !isUsedUp; ) {
      const daemon = await home.start();
      const calls = await underLoad(daemon, 1 + random(150), random);
      all.push(...calls);
      isUsedUp = calls.every(({ finish, reason }) => finish !== undefined || reason === 'QUOTA_EXCEEDED');
      await daemon.kill();
    }
    const last = await home.start();
    expect((await last.generate(1)).reason).toBe('QUOTA_EXCEEDED');
    const exported = await last.exported();
    checkBooks(exported, all);
    expect(await last.quota()).toMatchObject([{ limit: BigInt(limit), used: BigInt(limit), reserved: 0n }]);
    expect(exported).toHaveLength(limit);
    expect(home.upstream.requests.length).toBeLessThanOrEqual(limit);
    await stop(last);
    expect(await checkJournal(join(last.spawned.environment.home.journalDir))).toMatchObject({ settled: limit });
  });
});
