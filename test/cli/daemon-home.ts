import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type DaemonFile, parseDaemonFile } from '../../src/clients/typescript/daemon-file.ts';
import { temporaryHome } from '../daemon/test-daemon.ts';

/** What the home's daemon.json says now. */
export function daemonOf(home: string): DaemonFile | undefined {
  try {
    return parseDaemonFile(readFileSync(join(home, 'run', 'daemon.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

/** A home of its own for daemons that `tollgate` starts. Whatever runs there at the end of the test is killed. */
export function daemonHome(config: object = {}): string {
  const home = temporaryHome();
  mkdirSync(join(home, 'config'), { recursive: true });
  writeFileSync(join(home, 'config', 'config.json'), JSON.stringify({ version: 1, listen: { grpc: '127.0.0.1:0', http: null }, ...config }));
  onTestFinished(() => {
    const pid = daemonOf(home)?.pid;
    if (pid !== undefined && pid !== process.pid) process.kill(pid, 'SIGKILL');
  });
  return home;
}
