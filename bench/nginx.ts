import { mkdir, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild, type Child } from './children.ts';
import { freePort } from './free-port.ts';
import type { Tools } from './tools.ts';
import { whenPortIs } from './when-ready.ts';

/** One worker that forwards each piece as it comes; no log, no checks: the least that a proxy can do. */
const config = (directory: string, port: number, upstreamPort: number, asRoot: boolean): string => `
daemon off;
${asRoot ? 'user root;' : ''}
worker_processes 1;
pid ${directory}/nginx.pid;
error_log stderr error;
events { worker_connections 8192; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${directory}/${kind};`).join(' ')}
  upstream mock { server 127.0.0.1:${upstreamPort}; keepalive 2048; keepalive_requests 1000000000; keepalive_timeout 1h; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    location / {
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }
  }
}
`;

export interface Nginx extends AsyncDisposable {
  readonly port: number;
  /** The worker's and the master's. */
  pids(): readonly number[];
}

const childrenOf = (pid: number): readonly number[] => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

/** Starts nginx on a free port, on core 1. */
export async function startNginx(program: string, tools: Tools, upstreamPort: number, workspace: string): Promise<Nginx> {
  const directory = join(workspace, 'nginx');
  await mkdir(directory);
  const port = await freePort();
  const file = join(directory, 'nginx.conf');
  await writeFile(file, config(directory, port, upstreamPort, process.getuid?.() === 0));
  const log = join(directory, 'error.log');
  const child: Child = startChild(tools.on(1, [program, '-p', directory, '-e', 'stderr', '-c', file]), { log });
  await whenPortIs(port).catch((error: unknown) => {
    throw new Error(`nginx does not start: ${child.errors()}`, { cause: error });
  });
  return { port, pids: () => [child.pid, ...childrenOf(child.pid)], [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}
