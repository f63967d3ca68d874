import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** A server that writes whatever it wants, HTTP or not. */
export interface RawUpstream extends AsyncDisposable {
  readonly url: string;
  /** How many bytes the sockets took so far. */
  sent(): number;
}

/** Starts one on a free port. `answer` is called with the socket of each request, once the request's head has come. */
export async function rawUpstream(answer: (socket: Socket, request: number) => unknown): Promise<RawUpstream> {
  const sockets = new Set<Socket>();
  let requests = 0;
  let written = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      written += socket.bytesWritten;
      sockets.delete(socket);
    });
    socket.on('data', (data) => {
      // Requests are small here: each comes in one read, and begins with its method.
      if (/^(?:GET|POST) /.test(data.toString('latin1'))) answer(socket, requests++);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent: () => written + [...sockets].reduce((sum, socket) => sum + socket.bytesWritten, 0),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Writes a head, and then the same piece until the other side has gone, no faster than it reads. */
export async function writeForever(socket: Socket, head: string, piece: Uint8Array | string): Promise<void> {
  let goOn = (): void => {};
  for (const event of ['drain', 'close']) socket.on(event, () => goOn());
  socket.write(head);
  while (!socket.destroyed) {
    const room = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    if (!socket.write(piece)) await room;
  }
}

export const OK = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n';
