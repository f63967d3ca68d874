import { connect, constants, type IncomingHttpHeaders } from 'node:http2';

export interface RawAnswer {
  /** undefined when the connection was cut without an answer. */
  readonly grpcStatus: number | undefined;
  readonly headers: IncomingHttpHeaders;
}

/** Calls WhoAmI at `host:port` with headers that no gRPC library sends. */
export async function rawWhoAmI(address: string, headers: Readonly<Record<string, string | string[]>>): Promise<RawAnswer> {
  const session = connect(`http://${address}`, { maxSendHeaderBlockLength: 32 * 1024 * 1024 });
  try {
    return await new Promise<RawAnswer>((resolve) => {
      const cut = (): void => resolve({ grpcStatus: undefined, headers: {} });
      session.on('error', cut).on('close', cut).on('goaway', cut);
      const stream = session.request({ ':method': 'POST', ':path': '/tollgate.v1.AccessService/WhoAmI', 'content-type': 'application/grpc', te: 'trailers', ...headers });
      const answered = (received: IncomingHttpHeaders): void => {
        const status = received['grpc-status'];
        if (status !== undefined) resolve({ grpcStatus: Number(status), headers: received });
      };
      stream.on('response', answered).on('trailers', answered).on('error', cut);
      stream.on('close', () => stream.rstCode !== constants.NGHTTP2_NO_ERROR && cut());
      stream.resume();
      stream.end(Buffer.alloc(5));
    });
  } finally {
    session.destroy();
  }
}
