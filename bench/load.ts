import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { grpcLoop, grpcSessions } from './load-grpc.ts';
import { httpLoop } from './load-http.ts';
import { LoadWindow } from './load-window.ts';

/**
 * A closed loop of streams, over HTTP/1.1 or gRPC: each that ends is followed by the next. Takes the arguments of the C tool `lg` and
 * prints the same line of JSON; unlike `lg` its `ttft` is the first token, not the first message.
 */
const { values } = parseArgs({
  options: {
    mode: { type: 'string', short: 'm', default: 'http' },
    address: { type: 'string', short: 'a', default: '127.0.0.1:9100' },
    path: { type: 'string', short: 'p', default: '/' },
    body: { type: 'string', short: 'b', default: '' },
    header: { type: 'string', short: 'H', multiple: true, default: [] },
    concurrency: { type: 'string', short: 'c', default: '1' },
    connections: { type: 'string', short: 'k', default: '8' },
    seconds: { type: 'string', short: 'd', default: '5' },
    warmup: { type: 'string', short: 'w', default: '1' },
    spread: { type: 'string', short: 's', default: '0' },
    pids: { type: 'string', short: 'P', default: '' },
    name: { type: 'string', short: 'n', default: '' },
  },
});

const body = readFileSync(values.body);
const concurrency = Number(values.concurrency);
const window = new LoadWindow(values.pids.split(',').filter(Boolean).map(Number));

function loops(): (at: number) => { stop(): void } {
  if (values.mode === 'grpc') {
    const headers = Object.fromEntries(values.header.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
    const load = { address: values.address, path: values.path, headers, body, connections: Math.min(Number(values.connections), concurrency) };
    const sessions = grpcSessions(load);
    return (at) => grpcLoop(sessions[at % sessions.length]!, load, window);
  }
  const colon = values.address.lastIndexOf(':');
  const load = { host: values.address.slice(0, colon), port: Number(values.address.slice(colon + 1)), path: values.path, headers: values.header, body };
  return () => httpLoop(load, window);
}

const start = loops();
const running: { stop(): void }[] = [];
setTimeout(() => window.open(), Number(values.warmup) * 1000);
const spreadMs = Number(values.spread);
for (let at = 0; at < concurrency; at++) {
  if (spreadMs === 0) running.push(start(at));
  else setTimeout(() => running.push(start(at)), (spreadMs * at) / concurrency);
}
await sleep((Number(values.warmup) + Number(values.seconds)) * 1000);
const result = window.close();
for (const loop of running) loop.stop();
process.stdout.write(`${JSON.stringify({ label: values.name, c: concurrency, ...result })}\n`, () => process.exit());
