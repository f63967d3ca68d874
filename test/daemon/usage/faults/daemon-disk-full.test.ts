import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { billedAnswer, billedHome, type BilledDaemon, type SeenCall } from './billed-daemon.ts';
import { checkBooks, checkJournal } from './check-books.ts';
import { noSmallDisk, smallDisk } from './small-disk.ts';

const REFUSED = { finish: undefined, id: undefined, reason: 'JOURNAL_UNAVAILABLE', code: status.UNAVAILABLE };

/** Resolves once the daemon's log has said so. */
async function heard({ spawned }: BilledDaemon, words: string): Promise<void> {
  for (;;) {
    if (spawned.log().includes(words)) return;
    await new Promise((resolve) => spawned.child.stderr?.once('data', resolve));
  }
}

async function stopAndCount({ spawned }: BilledDaemon): Promise<unknown> {
  spawned.child.kill('SIGTERM');
  expect(await spawned.exit).toBe(0);
  return checkJournal(spawned.environment.home.journalDir);
}

if (noSmallDisk !== undefined) console.warn(`daemon-disk-full.test.ts is skipped in part: it ${noSmallDisk}`);

describe.skipIf(noSmallDisk !== undefined)('a daemon on a full disk', { timeout: 60_000 }, () => {
  it('calls nobody, says why, settles what runs, and goes on by itself when there is room', async () => {
    const disk = smallDisk(16 * 1024);
    const home = await billedHome({ requests: { month: 1000 } }, join(disk.path, 'home'));
    const gate = Promise.withResolvers<void>();
    const daemon = await home.start();
    const calls: SeenCall[] = [await daemon.generate(3)];
    // One call runs while the disk fills up.
    home.upstream.answer(async ({ body }) => {
      await gate.promise;
      return billedAnswer(body);
    });
    const running = daemon.generate(7);
    await home.upstream.nextRequest();
    await home.upstream.nextRequest();
    disk.fill();
    home.upstream.answer(({ body }) => billedAnswer(body));
    let refused: SeenCall;
    do {
      // The last block of the file may have room for some more.
      refused = await daemon.generate(2);
      calls.push(refused);
    } while (refused.finish !== undefined);
    expect(refused).toMatchObject(REFUSED);
    const asked = home.upstream.requests.length;
    const more = await Promise.all(Array.from({ length: 20 }, () => daemon.generate(2)));
    for (const each of more) expect(each).toMatchObject(REFUSED);
    expect(home.upstream.requests).toHaveLength(asked);
    expect(daemon.spawned.log()).toMatch(/the disk that holds \S+ is full \(.*ENOSPC.*\)\. Make room; it goes on by itself/);
    gate.resolve();
    calls.push(await running);
    expect(calls.at(-1)?.finish).toBeDefined();

    disk.free();
    await heard(daemon, 'the journal can be written again');
    calls.push(await daemon.generate(4));
    expect(calls.at(-1)?.finish).toBeDefined();
    checkBooks(await daemon.exported(), calls);
    const settled = calls.filter(({ finish }) => finish !== undefined).length;
    expect(await daemon.quota()).toMatchObject([{ used: BigInt(settled), reserved: 0n }]);
    expect(await stopAndCount(daemon)).toMatchObject({ settled });
  });
});

describe('a daemon whose journal cannot be written', { timeout: 60_000 }, () => {
  it('calls nobody, says why, and goes on when it can be written again', async () => {
    const home = await billedHome({ requests: { month: 1000 } });
    const daemon = await home.start();
    const calls = [await daemon.generate(3)];
    const path = join(daemon.spawned.environment.home.journalDir, '00000001.jsonl');
    const bytes = readFileSync(path);
    rmSync(path);
    const asked = home.upstream.requests.length;
    for (let at = 0; at < 10; at++) expect(await daemon.generate(2)).toMatchObject(REFUSED);
    expect(home.upstream.requests).toHaveLength(asked);
    expect(daemon.spawned.log()).toMatch(/00000001\.jsonl.*the journal cannot be written: no call is made until it can/);
    writeFileSync(path, bytes, { mode: 0o600 });
    await heard(daemon, 'the journal can be written again');
    calls.push(await daemon.generate(2));
    checkBooks(await daemon.exported(), calls);
    expect(await stopAndCount(daemon)).toMatchObject({ settled: 2 });
  });
});
