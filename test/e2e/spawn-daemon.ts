import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { readEnvironment, type Variables } from '../../src/environment.ts';

/** A daemon in a process of its own, started as people start it. */
export interface SpawnedDaemon {
  /** `host:port`. */
  readonly grpc: string;
  /** The path of its unix socket. */
  readonly socket: string;
  /** Its TOLLGATE_HOME. */
  readonly home: string;
  readonly adminToken: string;
  /** Ends it and removes its home. Resolves with its exit code. */
  stop(): Promise<number | null>;
}

export interface SpawnOptions {
  readonly config?: object;
  /** Beside PATH all that it sees: no key of the person who runs the tests. */
  readonly variables?: Variables;
}

const COMMAND = fileURLToPath(new URL('../../bin/tollgated.js', import.meta.url));

/** Runs `tollgated` with a home of its own, on a free port, and waits until it serves. */
export async function spawnDaemon({ config = {}, variables = {} }: SpawnOptions = {}): Promise<SpawnedDaemon> {
  const home = mkdtempSync(join(tmpdir(), 'tg-'));
  const { configFile, adminTokenFile, daemonFile } = readEnvironment({ TOLLGATE_HOME: home }).home;
  mkdirSync(dirname(configFile), { recursive: true });
  writeFileSync(configFile, JSON.stringify({ listen: { grpc: '127.0.0.1:0', http: null }, ...config }));
  const daemon = spawn(process.execPath, [COMMAND], { env: { PATH: process.env['PATH'], HOME: home, ...variables, TOLLGATE_HOME: home }, stdio: ['ignore', 'inherit', 'pipe'] });
  const exited = once(daemon, 'exit');

  const said: string[] = [];
  const serves = new Promise<void>((resolve, reject) => {
    createInterface(daemon.stderr)
      .on('line', (line) => {
        said.push(line);
        if (line.includes('"tollgated serves"')) resolve();
      })
      .on('close', () => reject(new Error(`tollgated ended at its start:\n${said.join('\n')}`)));
  });
  const stop = async (): Promise<number | null> => {
    daemon.kill('SIGTERM');
    const [code] = await exited;
    rmSync(home, { recursive: true, force: true });
    return typeof code === 'number' ? code : null;
  };
  try {
    await serves;
    const { grpc, socket } = JSON.parse(readFileSync(daemonFile, 'utf8')) as { grpc: string; socket: string };
    return { grpc, socket, home, adminToken: readFileSync(adminTokenFile, 'utf8').trim(), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
