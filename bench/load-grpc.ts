import { connect, constants, type ClientHttp2Session } from 'node:http2';
import { nowUs, type LoadWindow } from './load-window.ts';

export interface GrpcLoad {
  readonly address: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The request's message in its gRPC frame. */
  readonly body: Buffer;
  readonly connections: number;
}

/** Opens the connections. Streams are spread over them. */
export function grpcSessions({ address, connections }: GrpcLoad): readonly ClientHttp2Session[] {
  return Array.from({ length: connections }, () => {
    const session = connect(`http://${address}`, { settings: { enablePush: false, initialWindowSize: 1 << 24 } });
    session.on('connect', () => session.setLocalWindowSize(1 << 28));
    session.on('error', (error) => {
      process.stderr.write(`load: ${error.message}\n`);
      process.exitCode = 1;
    });
    return session;
  });
}

/** One place on a connection, in which a call follows a call. */
export function grpcLoop(session: ClientHttp2Session, { path, headers, body }: GrpcLoad, window: LoadWindow): { stop(): void } {
  let stopped = false;
  const ask = (): void => {
    if (stopped || session.destroyed) return;
    const startUs = nowUs();
    let firstUs: number | undefined;
    let status = '';
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers });
    stream.setEncoding('latin1');
    stream.on('data', (text: string) => {
      if (window.receive(text) > 0) firstUs ??= nowUs() - startUs;
    });
    // A call refused at once has its status in the headers.
    for (const name of ['response', 'trailers']) stream.on(name, (fields) => (status = String(fields['grpc-status'] ?? status)));
    stream.on('error', () => {});
    stream.on('close', () => {
      if (stopped) return;
      window.finish(startUs, firstUs, status === '0' && stream.rstCode === constants.NGHTTP2_NO_ERROR);
      // After a refusal a short pause: a loop of refusals must not fill the machine.
      if (status === '0') ask();
      else setTimeout(ask, 10);
    });
    stream.end(body);
  };
  ask();
  return {
    stop() {
      stopped = true;
    },
  };
}
