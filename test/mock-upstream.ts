import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** What the mock answers to one request. */
export interface MockAnswer {
  /** Default 200. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body, whole or in pieces; each piece is a write of its own. */
  readonly body?: string | Uint8Array | readonly (string | Uint8Array)[];
  /** What follows the body, each piece when it is there. */
  readonly rest?: AsyncIterable<string>;
  /**
   * What follows the last piece: `end` (default) ends the answer, `cut` breaks the connection, `hold` keeps it open until
   * the other side closes it.
   */
  readonly ending?: 'end' | 'cut' | 'hold';
  /** Sends not even headers, and waits until the other side closes the connection. */
  readonly silent?: boolean;
}

/** A request that the mock received. */
export interface MockRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The body, parsed. */
  json(): unknown;
  /** Resolves when the exchange is over: `aborted` when the connection closed before the answer's end. */
  readonly closed: Promise<'answered' | 'aborted'>;
}

export type MockScript = MockAnswer | ((request: MockRequest) => MockAnswer | Promise<MockAnswer>);

/** A provider of our own on a real socket: answers what it is told and remembers what it was asked. */
export interface MockUpstream extends AsyncDisposable {
  /** `http://127.0.0.1:port`, without a slash at the end. */
  readonly url: string;
  /** Every request so far, in order. */
  readonly requests: readonly MockRequest[];
  /** Queues answers, one per request. The last one stays for all that follow. */
  answer(...scripts: readonly MockScript[]): void;
  /** The next request that has not been awaited yet. */
  nextRequest(): Promise<MockRequest>;
  close(): Promise<void>;
}

async function receive(incoming: IncomingMessage, response: ServerResponse): Promise<MockRequest> {
  const closed = new Promise<'answered' | 'aborted'>((resolve) => {
    response.once('close', () => resolve(response.writableFinished ? 'answered' : 'aborted'));
  });
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString('utf8');
  return { method: incoming.method ?? '', path: incoming.url ?? '', headers: incoming.headers, body, json: () => JSON.parse(body), closed };
}

async function* piecesOf({ body = [], rest }: MockAnswer): AsyncGenerator<string | Uint8Array, void> {
  yield* typeof body === 'string' || body instanceof Uint8Array ? [body] : body;
  if (rest !== undefined) yield* rest;
}

async function play(answer: MockAnswer, response: ServerResponse): Promise<void> {
  if (answer.silent === true) return;
  response.writeHead(answer.status ?? 200, { ...answer.headers });
  response.flushHeaders();
  for await (const piece of piecesOf(answer)) {
    if (response.destroyed) return;
    await new Promise<void>((resolve) => response.write(piece, () => resolve()));
    // The reader shares this thread: a turn of the loop lets it read this piece alone.
    await nextTurn();
  }
  if (answer.ending === 'hold') return;
  if (answer.ending === 'cut') response.destroy();
  else response.end();
}

/** Starts a mock provider on a free port. */
export async function mockUpstream(...scripts: readonly MockScript[]): Promise<MockUpstream> {
  const queue: MockScript[] = [...scripts];
  const requests: MockRequest[] = [];
  const unseen: MockRequest[] = [];
  const waiting: ((request: MockRequest) => void)[] = [];

  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = await receive(incoming, response);
    requests.push(request);
    const waiter = waiting.shift();
    if (waiter === undefined) unseen.push(request);
    else waiter(request);
    const script = (queue.length > 1 ? queue.shift() : queue[0]) ?? { status: 500, body: 'the mock has no answer for this request' };
    await play(typeof script === 'function' ? await script(request) : script, response);
  };

  const server = createServer((incoming, response) => {
    // A client that goes away in the middle of its request is seen in `closed`.
    serve(incoming, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };

  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    answer: (...more) => {
      queue.splice(0, queue.length, ...more);
    },
    nextRequest: () => {
      const request = unseen.shift();
      return request === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(request);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** An address that refuses connections. */
export async function refusingUrl(): Promise<string> {
  const upstream = await mockUpstream();
  await upstream.close();
  return upstream.url;
}
