import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** What it answers, byte by byte: also what no HTTP library would send. */
export interface EchoAnswer {
  readonly bytes: string | Buffer;
  /** `hold` keeps the connection open, `cut` breaks it. Default: it is closed. */
  readonly ending?: 'close' | 'hold' | 'cut';
}

/** A provider that uses the key that it was sent in its answers. */
export interface EchoUpstream {
  readonly url: string;
  /** What all requests from now on are answered with. */
  play(answer: (key: string) => EchoAnswer): void;
  /** The keys of the requests since then. */
  readonly keys: readonly string[];
}

export interface HttpParts {
  readonly status?: number;
  readonly phrase?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** An answer of HTTP, whole. */
export function http({ status = 200, phrase = 'So', headers = {}, body = '' }: HttpParts): EchoAnswer {
  const bytes = Buffer.from(body);
  const lines = Object.entries({ 'content-type': 'application/json', 'content-length': String(bytes.length), connection: 'close', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return { bytes: Buffer.concat([Buffer.from(`HTTP/1.1 ${status} ${phrase}\r\n${lines.join('')}\r\n`), bytes]) };
}

const KEY_HEADER = /^(?:authorization: Bearer |x-api-key: |api-key: |x-goog-api-key: )(.*)$/im;

/** Calls back with the head of each request, once its body has come too. One request a connection. */
function onRequest(socket: Socket, take: (head: string) => void): void {
  let text = '';
  let taken = false;
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    if (taken || end < 0) return;
    const head = text.slice(0, end).replaceAll('\r', '');
    const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
    if (text.length < end + 4 + length) return;
    taken = true;
    take(head);
  });
}

/** Starts one on a free port; it ends with the test. */
export async function echoUpstream(): Promise<EchoUpstream> {
  let answer = (_key: string): EchoAnswer => http({ status: 500 });
  let keys: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    onRequest(socket, (head) => {
      const key = KEY_HEADER.exec(head)?.[1] ?? '';
      keys.push(key);
      const { bytes, ending = 'close' } = answer(key);
      if (bytes.length > 0) socket.write(bytes);
      if (ending === 'close') socket.end();
      // What was written must be read before the connection breaks.
      if (ending === 'cut') setImmediate(() => socket.resetAndDestroy());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    play(next) {
      answer = next;
      keys = [];
    },
    get keys() {
      return keys;
    },
  };
}
