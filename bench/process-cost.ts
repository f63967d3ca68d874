import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What processes have used since they began. */
export interface ProcessCost {
  /** User and system time of all their threads. */
  readonly cpuUs: number;
  /** Resident memory. */
  readonly rssKb: number;
}

let tickUs: number | undefined;
const usPerTick = (): number => (tickUs ??= 1e6 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' })));

function costOf(pid: number): ProcessCost {
  // The name, in brackets, may hold spaces; behind it come the fields 3 and up: utime is 14, stime 15.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  const ticks = Number(fields[11]) + Number(fields[12]);
  const rssKb = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  return { cpuUs: ticks * usPerTick(), rssKb };
}

/** Reads /proc: Linux only. */
export function processCost(pids: readonly number[]): ProcessCost {
  const costs = pids.map(costOf);
  return { cpuUs: costs.reduce((sum, { cpuUs }) => sum + cpuUs, 0), rssKb: costs.reduce((sum, { rssKb }) => sum + rssKb, 0) };
}
