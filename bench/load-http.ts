import { connect, type Socket } from 'node:net';
import { nowUs, type LoadWindow } from './load-window.ts';

export interface HttpLoad {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: Buffer;
}

/** How an answer in chunks ends. All that the mock and nginx send has chunks. */
const LAST_CHUNK = '\r\n0\r\n\r\n';

/** One connection that asks again as soon as it has its answer. */
export function httpLoop({ host, port, path, headers, body }: HttpLoad, window: LoadWindow): { stop(): void } {
  const request = Buffer.concat([
    Buffer.from([`POST ${path} HTTP/1.1`, `Host: ${host}:${port}`, 'Content-Type: application/json', `Content-Length: ${body.length}`, ...headers].join('\r\n') + '\r\n\r\n'),
    body,
  ]);
  let stopped = false;
  let socket: Socket;
  let startUs = 0;
  let firstUs: number | undefined;
  let status = '';
  let tail = '';

  const ask = (): void => {
    startUs = nowUs();
    firstUs = undefined;
    status = '';
    tail = '';
    socket.write(request);
  };
  const receive = (text: string): void => {
    if (status === '') status = text.slice(9, 12);
    const tokens = window.receive(text);
    if (tokens > 0) firstUs ??= nowUs() - startUs;
    tail = text.length >= LAST_CHUNK.length ? text.slice(-LAST_CHUNK.length) : (tail + text).slice(-LAST_CHUNK.length);
    if (tail !== LAST_CHUNK) return;
    window.finish(startUs, firstUs, status === '200');
    ask();
  };
  const open = (): void => {
    socket = connect({ host, port, noDelay: true });
    socket.setEncoding('latin1');
    socket.on('data', receive);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      if (stopped) return;
      window.finish(startUs, undefined, false);
      setTimeout(open, 10);
    });
    ask();
  };
  open();
  return {
    stop() {
      stopped = true;
      socket.destroy();
    },
  };
}
