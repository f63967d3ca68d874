import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Why there can be no small disk here; undefined when there can. */
export const noSmallDisk = ((): string | undefined => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux, for a small disk in memory';
  const place = mkdtempSync(join(tmpdir(), 'tg-mount-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', place]);
  if (status === 0) execFileSync('umount', [place]);
  rmSync(place, { recursive: true });
  return status === 0 ? undefined : 'needs a system that lets root mount';
})();

export interface SmallDisk {
  readonly path: string;
  /** Takes all the room that is left, but for `spare` bytes. */
  fill(spare?: number): void;
  /** Gives it back. */
  free(): void;
}

/** A disk of that many KiB, in memory. */
export function smallDisk(kib: number): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), 'tg-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k,mode=0700`, 'none', path]);
  onTestFinished(() => {
    execFileSync('umount', ['-l', path]);
    rmSync(path, { recursive: true });
  });
  let files = 0;
  return {
    path,
    fill(spare = 0) {
      const filler = join(path, `filler${files++}`);
      const keep = join(path, 'spare');
      if (spare > 0) writeFileSync(keep, Buffer.alloc(spare));
      try {
        for (;;) writeFileSync(filler, Buffer.alloc(4096), { flag: 'a' });
      } catch {
        if (spare > 0) rmSync(keep);
      }
    },
    free() {
      for (; files > 0; files--) rmSync(join(path, `filler${files - 1}`));
    },
  };
}
