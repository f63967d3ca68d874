import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The recorded answers behind a real HTTP server on loopback. */
export interface Replay {
  /** The base_url of a provider that gives this case's answer in this mode. */
  url(folder: string, name: string, mode: string): string;
  stop(): Promise<void>;
}

const COMMAND = fileURLToPath(new URL('../../../shared/tools/replay-upstream.mjs', import.meta.url));

/** Serves the recorded answers on a free port. */
export async function startReplay(): Promise<Replay> {
  const server = spawn(process.execPath, [COMMAND], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(server, 'exit');
  const [line] = await once(createInterface(server.stdout), 'line');
  const { port } = JSON.parse(String(line)) as { port: number };
  return {
    url: (folder, name, mode) => `http://127.0.0.1:${port}/${folder}/${name}/${mode}`,
    async stop() {
      server.kill();
      await exited;
    },
  };
}
