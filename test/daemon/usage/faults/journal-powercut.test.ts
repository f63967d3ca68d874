import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { WRITER } from './spawn-writer.ts';

const TOOL = fileURLToPath(new URL('../../../../../shared/tools/faults/powercut.py', import.meta.url));
const CHECK = fileURLToPath(new URL('check-acknowledged.ts', import.meta.url));
/** The nightly run sets more. */
const CYCLES = Number(process.env['TOLLGATE_TEST_POWERCUTS'] ?? 3);

async function output(program: string, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { timeout: CYCLES * 30_000 });
  return stdout;
}

/** Why no power can be cut here; undefined when it can. One cycle with a writer that writes nothing says so. */
async function noPowercut(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'needs root, for a loop mount';
  if (!existsSync(TOOL)) return 'needs ../shared/tools/faults/powercut.py';
  try {
    await output('python3', [TOOL, '--writer', 'exec sleep 60', '--check', 'true', '--after-ms', '10', '--cycles', '1', '--size', '16M']);
    return undefined;
  } catch (error) {
    return `needs a kernel that can shut an ext4 down (${String(error).split('\n')[0]})`;
  }
}

const skipped = await noPowercut();
if (skipped !== undefined) console.warn(`journal-powercut.test.ts is skipped: it ${skipped}`);

const node = process.execPath;

describe.skipIf(skipped !== undefined)('a power cut under writers of the journal', () => {
  it.each([
    ['loses nothing that was acknowledged', '--compact 0', 'defaults'],
    ['loses nothing while segments are compacted', '--segment 16384 --compact 200', 'defaults'],
    ['loses nothing on a file system that orders less', '--segment 16384 --compact 200', 'noauto_da_alloc'],
  ])(`%s (${CYCLES} cycles)`, { timeout: CYCLES * 30_000 }, async (_title, how, mountOptions) => {
    const writer = `exec ${node} ${WRITER} --dir "$DIR/state/journal" ${how}`;
    const said = await output('python3', [TOOL, '--writer', writer, '--check', `${node} ${CHECK} "$DIR/state/journal" "$ACKS"`, '--after-ms', '900', '--cycles', String(CYCLES), '--size', '64M', '--mount-options', mountOptions]);
    expect(said).toContain(`0 of ${CYCLES} cycles lost acknowledged writes`);
    const acknowledged = [...said.matchAll(/^cycle \d+: (\d+) acknowledged/gm)].map(([, count]) => Number(count));
    expect(acknowledged).toHaveLength(CYCLES);
    expect(Math.max(...acknowledged)).toBeGreaterThan(100);
  });
});
