import { chmod, rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type ListenOptions, type Server, type Socket } from 'node:net';
import { EXIT, StartError } from '../start-error.ts';

/** Unix knows no longer socket paths: 108 bytes on Linux, 104 on macOS, the end mark included. */
const MAX_SOCKET_PATH_BYTES = 103;
const MAX_CONNECTIONS = 128;
/** A connection that has not begun to speak HTTP/2 by then is nobody's. */
const PREFACE_MS = 2000;
const PREFACE_BYTES = 24;

export interface Listener {
  /** `host:port`, or the socket's path. */
  readonly address: string;
  /** Takes no new connections; closes those that have said nothing yet. */
  close(): void;
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

function listen(server: Server, options: ListenOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(options, () => {
    server.off('error', reject);
    resolve();
  });
  return promise;
}

/**
 * gRPC's own server never closes a connection that says nothing, so it gets a connection once the 24 bytes with which every HTTP/2 client
 * begins are there. When the places are taken, the oldest connection that has shown no good token (`known` has the others' `address:port`) makes room.
 */
function gate(inject: (socket: Socket) => void, known: Set<string>): { server: Server; silent: Set<Socket> } {
  const silent = new Set<Socket>();
  const open = new Map<Socket, string | undefined>();
  const makeRoom = (): boolean => {
    for (const [socket, peer] of open) {
      // Those of the unix socket have no address; its folder keeps strangers out.
      if (peer === undefined || known.has(peer)) continue;
      open.delete(socket);
      socket.destroy();
      return true;
    }
    return false;
  };
  const server = createServer({ noDelay: true }, (socket) => {
    if (open.size >= MAX_CONNECTIONS && !makeRoom()) {
      socket.destroy();
      return;
    }
    const peer = socket.remoteAddress === undefined ? undefined : `${socket.remoteAddress}:${socket.remotePort}`;
    open.set(socket, peer);
    silent.add(socket);
    const timer = setTimeout(() => socket.destroy(), PREFACE_MS);
    const speaks = (): void => {
      if (socket.readableLength < PREFACE_BYTES && !socket.destroyed) {
        socket.read(0);
        return;
      }
      socket.off('readable', speaks);
      clearTimeout(timer);
      silent.delete(socket);
      if (!socket.destroyed) inject(socket);
    };
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      clearTimeout(timer);
      silent.delete(socket);
      open.delete(socket);
      if (peer !== undefined) known.delete(peer);
    });
    socket.on('readable', speaks);
  });
  return { server, silent };
}

const listenerOf = (address: string, server: Server, silent: ReadonlySet<Socket>): Listener => ({
  address,
  close() {
    server.close();
    for (const socket of silent) socket.destroy();
  },
});

function boundAddress(bound: AddressInfo | string | null): string {
  if (bound === null || typeof bound === 'string') throw new Error('the server has no port');
  return bound.family === 'IPv6' ? `[${bound.address}]:${bound.port}` : `${bound.address}:${bound.port}`;
}

/** Listens on a unix socket of mode 0600. The caller holds the instance lock, so a socket that is there is a dead one. */
export async function listenOnSocket(path: string, inject: (socket: Socket) => void, known: Set<string>): Promise<Listener> {
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_SOCKET_PATH_BYTES) {
    throw new StartError(EXIT.DAMAGED, `the socket path ${path} has ${bytes} bytes; the system allows ${MAX_SOCKET_PATH_BYTES}. Set TOLLGATE_HOME or XDG_RUNTIME_DIR to a shorter path, or "listen": {"socket": false} in the config.`);
  }
  await rm(path, { force: true });
  const { server, silent } = gate(inject, known);
  await listen(server, { path });
  await chmod(path, 0o600);
  return listenerOf(path, server, silent);
}

/** Listens on a loopback port. Returns undefined when the port is taken and `optional`. */
export async function listenOnPort(address: string, optional: boolean, inject: (socket: Socket) => void, known: Set<string>): Promise<Listener | undefined> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  const { server, silent } = gate(inject, known);
  try {
    await listen(server, { host, port: Number(address.slice(colon + 1)) });
  } catch (error) {
    if (codeOf(error) === 'EADDRINUSE' && optional) return undefined;
    const why = codeOf(error) === 'EADDRINUSE' ? 'is taken by another program' : `cannot be listened on (${String(codeOf(error))})`;
    throw new StartError(EXIT.FAILED, `${address} ${why}. Set listen.grpc in the config to another port, to "127.0.0.1:0" for a free one, or to null.`, { cause: error });
  }
  return listenerOf(boundAddress(server.address()), server, silent);
}
