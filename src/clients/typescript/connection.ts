import { readFile } from 'node:fs/promises';
import { type ChannelOptions, Client, connectivityState, credentials, Metadata } from '@grpc/grpc-js';
import type { Environment } from '../../environment.ts';
import { daemonAddress, type DaemonFile, readDaemonFile } from './daemon-file.ts';
import { maxResponseBytes } from './read-status.ts';
import { daemonUnreachable, TollgateError } from './tollgate-error.ts';

/** Where the daemon is and how to prove who calls. What is not set comes from the environment, then from the daemon's files. */
export interface ConnectionOptions {
  readonly address: string | undefined;
  readonly token: string | undefined;
  readonly environment: Environment;
  /** The longest wait for a connection, in milliseconds. */
  readonly connectTimeoutMs: number;
}

/** One channel to the daemon, made anew when the daemon went away. */
export interface Connection {
  /** The address that was connected to last. */
  readonly address: string;
  /** A client whose channel is up. Rejects with DAEMON_UNREACHABLE. */
  client(): Promise<Client>;
  /** The token to send. Undefined when none is known: a daemon in `--dev` asks for none. */
  token(): Promise<string | undefined>;
  /** The token to try once more with after `error`, which `used` met. Undefined when there is no other. */
  tokenAfter(error: unknown, used: string | undefined): Promise<string | undefined>;
  close(): void;
}

const channelOptions: ChannelOptions = {
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 20_000,
  'grpc.max_receive_message_length': maxResponseBytes,
  // A proxy of the environment is for the internet: the daemon is on this machine.
  'grpc.enable_http_proxy': 0,
  'grpc.enable_channelz': 0,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  // Two clients of one process do not share a socket, so that closing one ends its own.
  'grpc.use_local_subchannel_pool': 1,
};

function connected(client: Client, deadline: number): Promise<boolean> {
  const channel = client.getChannel();
  return new Promise((resolve) => {
    const look = (): void => {
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) resolve(true);
      else if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN) resolve(false);
      else channel.watchConnectivityState(state, deadline, (error) => (error === undefined ? look() : resolve(false)));
    };
    look();
  });
}

/** Whether `address` is where this daemon listens, so that its admin token may be sent there. */
function isAddressOf(daemon: DaemonFile | undefined, address: string): boolean {
  if (daemon === undefined) return false;
  if (address.startsWith('unix:')) return daemon.socket !== null && address.replace(/^unix:(\/\/)?/, '') === daemon.socket;
  return daemon.grpc !== null && address.replace(/^localhost:/, '127.0.0.1:') === daemon.grpc;
}

async function readToken(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim() || undefined;
  } catch {
    return undefined;
  }
}

/** Opens a connection lazily: the first call of `client()` connects. */
export function openConnection(options: ConnectionOptions): Connection {
  const { home } = options.environment;
  const givenAddress = options.address ?? options.environment.address;
  const givenToken = options.token ?? options.environment.token;
  let address: string | undefined;
  let open: Promise<Client> | undefined;
  let token: Promise<string | undefined> | undefined;
  let closed = false;

  async function findToken(): Promise<string | undefined> {
    if (givenToken !== undefined) return givenToken;
    // The admin token may do everything: it goes only to the daemon that wrote it, never to an address that merely was named.
    if (givenAddress !== undefined && !isAddressOf(await readDaemonFile(home.daemonFile), givenAddress)) return undefined;
    return readToken(home.adminTokenFile);
  }

  async function dial(): Promise<Client> {
    const daemon = givenAddress === undefined ? await readDaemonFile(home.daemonFile) : undefined;
    address = givenAddress ?? (daemon && daemonAddress(daemon));
    if (address === undefined) throw daemonUnreachable(undefined);
    return new Client(address, credentials.createInsecure(), channelOptions);
  }

  async function client(): Promise<Client> {
    if (closed) throw new Error('This Tollgate client is closed.');
    const mine = (open ??= dial());
    try {
      const dialled = await mine;
      if (await connected(dialled, Date.now() + options.connectTimeoutMs)) return dialled;
      dialled.close();
      throw daemonUnreachable(address);
    } catch (error) {
      // The next call looks for the daemon again: a new one may listen elsewhere.
      if (open === mine) open = undefined;
      throw error;
    }
  }

  return {
    get address() {
      return address ?? givenAddress ?? '';
    },
    client,
    token: () => (token ??= findToken()),
    async tokenAfter(error, used) {
      if (!(error instanceof TollgateError) || givenToken !== undefined) return undefined;
      if (!['TOKEN_EXPIRED', 'TOKEN_INVALID', 'TOKEN_MISSING'].includes(error.reason)) return undefined;
      const fresh = await (token = findToken());
      return fresh === used ? undefined : fresh;
    },
    close() {
      closed = true;
      open?.then((dialled) => dialled.close(), () => undefined);
    },
  };
}

/** The metadata that every call carries. */
export function callMetadata(token: string | undefined): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}
