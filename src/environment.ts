import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** The environment variables, as a plain record. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** Where one user's Tollgate keeps its files. */
export interface Home {
  /** The config file. */
  readonly configFile: string;
  /** What survives a reboot. Directory of mode 0700. */
  readonly stateDir: string;
  /** What belongs to the running daemon. Directory of mode 0700. */
  readonly runDir: string;
  readonly socket: string;
  /** One line: a JWT of the running daemon with every scope. Mode 0600. */
  readonly adminTokenFile: string;
  /** Who runs and where it listens. There only while the daemon serves. */
  readonly daemonFile: string;
  readonly lockFile: string;
  readonly jwtSecretFile: string;
  readonly logFile: string;
  /** What was typed in `tollgate chat`. */
  readonly chatHistoryFile: string;
}

/** Every variable that Tollgate itself reads. The providers' key variables stand in the plugins' manifests. */
export interface Environment {
  readonly home: Home;
  readonly logLevel: string | undefined;
  /** Replaces the signing secret of `state/jwt-secret`. At least 32 bytes. */
  readonly jwtSecret: string | undefined;
  /** The token that clients send. */
  readonly token: string | undefined;
  /** The daemon that clients call: `unix:/path` or `host:port`. */
  readonly address: string | undefined;
  /** All of them, for the plugins' own names. */
  readonly variables: Variables;
}

const set = (variables: Variables, name: string): string | undefined => variables[name] || undefined;

function directories(variables: Variables, platform: NodeJS.Platform): { config: string; state: string; run: string } {
  const all = set(variables, 'TOLLGATE_HOME');
  if (all !== undefined) {
    const home = resolve(all);
    return { config: join(home, 'config'), state: join(home, 'state'), run: join(home, 'run') };
  }
  const user = set(variables, 'HOME') ?? homedir();
  const support = join(user, 'Library', 'Application Support', 'tollgate');
  const mac = platform === 'darwin';
  const config = mac ? support : join(set(variables, 'XDG_CONFIG_HOME') ?? join(user, '.config'), 'tollgate');
  const state = mac ? join(support, 'state') : join(set(variables, 'XDG_STATE_HOME') ?? join(user, '.local', 'state'), 'tollgate');
  const runtime = set(variables, 'XDG_RUNTIME_DIR');
  return { config, state, run: runtime === undefined ? state : join(runtime, 'tollgate') };
}

/** Reads the environment: the only place that knows the names of its variables. */
export function readEnvironment(variables: Variables, platform: NodeJS.Platform = process.platform): Environment {
  const { config, state, run } = directories(variables, platform);
  const configFile = set(variables, 'TOLLGATE_CONFIG');
  return {
    home: {
      configFile: configFile === undefined ? join(config, 'config.json') : resolve(configFile),
      stateDir: state,
      runDir: run,
      socket: join(run, 'tollgate.sock'),
      adminTokenFile: join(run, 'admin.token'),
      daemonFile: join(run, 'daemon.json'),
      lockFile: join(run, 'lock.db'),
      jwtSecretFile: join(state, 'jwt-secret'),
      logFile: join(state, 'tollgated.log'),
      chatHistoryFile: join(state, 'chat-history'),
    },
    logLevel: set(variables, 'TOLLGATE_LOG_LEVEL'),
    jwtSecret: set(variables, 'TOLLGATE_JWT_SECRET'),
    token: set(variables, 'TOLLGATE_TOKEN'),
    address: set(variables, 'TOLLGATE_ADDRESS'),
    variables,
  };
}
