import { readFile } from 'node:fs/promises';

/** What `run/daemon.json` says: who serves and where. It is there only while a daemon serves, or after one was killed. */
export interface DaemonFile {
  readonly pid: number;
  readonly version: string;
  /** `host:port`, or null when gRPC over TCP is off. */
  readonly grpc: string | null;
  /** The path of the unix socket, or null when it is off. */
  readonly socket: string | null;
  /** `host:port` of the HTTP front, or null when it is off. */
  readonly http: string | null;
  /** Whether the daemon runs inside another app: it is that app's to stop. */
  readonly embedded: boolean;
  /** Why the config that was last saved cannot be used; the one before it is in force. Undefined when it can. */
  readonly configProblem?: string | undefined;
  /** What its last check found wrong with the books of what was used. Undefined when they balance. */
  readonly booksProblem?: string | undefined;
}

function field(record: object, name: string): unknown {
  return Object.entries(record).find(([key]) => key === name)?.[1];
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** Parses the text of a daemon.json. Undefined when it is not one. */
export function parseDaemonFile(text: string): DaemonFile | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const pid = field(value, 'pid');
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 1) return undefined;
  return {
    pid,
    version: textOrNull(field(value, 'version')) ?? 'unknown',
    grpc: textOrNull(field(value, 'grpc')),
    socket: textOrNull(field(value, 'socket')),
    http: textOrNull(field(value, 'http')),
    embedded: field(value, 'embedded') === true,
    configProblem: textOrNull(field(value, 'config_problem')) ?? undefined,
    booksProblem: textOrNull(field(value, 'books_problem')) ?? undefined,
  };
}

/** Reads a daemon.json. Undefined when there is none, i.e. no daemon serves. */
export async function readDaemonFile(path: string): Promise<DaemonFile | undefined> {
  try {
    return parseDaemonFile(await readFile(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** The address that a client of the same machine calls: the socket where there is one. */
export function daemonAddress(daemon: DaemonFile): string | undefined {
  if (daemon.socket !== null) return `unix:${daemon.socket}`;
  return daemon.grpc ?? undefined;
}
