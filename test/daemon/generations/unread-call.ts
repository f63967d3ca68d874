import { once } from 'node:events';
import { connect, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectSocket, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import type { TestDaemon } from '../test-daemon.ts';

export interface UnreadCall {
  /** What the session runs over. */
  readonly socket: Socket;
  readonly session: ClientHttp2Session;
  readonly stream: ClientHttp2Stream;
  /** Reads on to the end. Resolves with the trailers. */
  readToEnd(): Promise<IncomingHttpHeaders>;
}

interface Method<Request> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
}

/** A call of plain HTTP/2 that reads nothing until it is told to: gRPC's own client would read ahead. */
export async function unreadCall<Request>({ daemon, adminToken }: TestDaemon, { path, requestSerialize }: Method<Request>, request: Request): Promise<UnreadCall> {
  const [host, port] = daemon.grpc?.split(':') ?? [];
  const socket = connectSocket(Number(port), host);
  const session = connect(`http://${daemon.grpc}`, { createConnection: () => socket });
  session.on('error', () => {});
  onTestFinished(() => session.destroy());
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', authorization: `Bearer ${adminToken}` });
  stream.on('error', () => {});
  const message = requestSerialize(request);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([prefix, message]));
  await once(stream, 'response');
  return {
    socket,
    session,
    stream,
    async readToEnd() {
      const trailers = once(stream, 'trailers');
      stream.resume();
      const [headers] = (await trailers) as [IncomingHttpHeaders];
      return headers;
    },
  };
}
