import { createHash } from 'node:crypto';
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
  /** The tokens that were made here, and all that were revoked: no secrets. */
  readonly tokensFile: string;
  /** What was used: the append-only journal. Directory of mode 0700. */
  readonly journalDir: string;
  /** What the journal adds up to; made anew from it when it is missing. */
  readonly usageFile: string;
  /** The price list that was taken instead of the one that ships. */
  readonly pricesFile: string;
  /** Which keys are stored and where: no secrets. */
  readonly keysFile: string;
  /** Which providers failed lately: no secrets. */
  readonly healthFile: string;
  /** The stored keys, in age's format, where no keychain is used. */
  readonly ageFile: string;
  /** What opens `ageFile`. */
  readonly ageIdentityFile: string;
  /** Which idempotency keys were answered lately: nothing of what was asked. */
  readonly generationsFile: string;
  readonly logFile: string;
  /** What was typed in `tollgate chat`. */
  readonly chatHistoryFile: string;
  /** Tells this home from the user's others where they share a place; "" for the usual one. */
  readonly id: string;
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
  /** Where systemd puts the credentials of a service (LoadCredential=). */
  readonly credentialsDir: string | undefined;
  /** The user's home, as the variables say. */
  readonly userDir: string | undefined;
  /** The address of the session's D-Bus, when it is said; else where its socket would be. */
  readonly sessionBus: { readonly address: string | undefined; readonly socket: string | undefined };
  /** All of them, for the plugins' own names. */
  readonly variables: Variables;
}

const set = (variables: Variables, name: string): string | undefined => variables[name] || undefined;

interface Directories {
  readonly config: string;
  readonly state: string;
  readonly run: string;
  readonly id: string;
}

const idOf = (state: string): string => createHash('sha256').update(resolve(state)).digest('hex').slice(0, 16);

function directories(variables: Variables, platform: NodeJS.Platform): Directories {
  const all = set(variables, 'TOLLGATE_HOME');
  if (all !== undefined) {
    const home = resolve(all);
    const state = join(home, 'state');
    return { config: join(home, 'config'), state, run: join(home, 'run'), id: idOf(state) };
  }
  const user = set(variables, 'HOME') ?? homedir();
  const support = join(user, 'Library', 'Application Support', 'tollgate');
  const mac = platform === 'darwin';
  const config = mac ? support : join(set(variables, 'XDG_CONFIG_HOME') ?? join(user, '.config'), 'tollgate');
  const usual = mac ? join(support, 'state') : join(user, '.local', 'state', 'tollgate');
  const stateHome = mac ? undefined : set(variables, 'XDG_STATE_HOME');
  const state = stateHome === undefined ? usual : join(stateHome, 'tollgate');
  const runtime = set(variables, 'XDG_RUNTIME_DIR');
  return { config, state, run: runtime === undefined ? state : join(runtime, 'tollgate'), id: state === usual ? '' : idOf(state) };
}

/** Reads the environment: the only place that knows the names of its variables. */
export function readEnvironment(variables: Variables, platform: NodeJS.Platform = process.platform): Environment {
  const { config, state, run, id } = directories(variables, platform);
  const runtime = set(variables, 'XDG_RUNTIME_DIR');
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
      tokensFile: join(state, 'tokens.json'),
      journalDir: join(state, 'journal'),
      usageFile: join(state, 'usage.json'),
      pricesFile: join(state, 'prices.json'),
      keysFile: join(state, 'keys.json'),
      healthFile: join(state, 'health.json'),
      ageFile: join(state, 'keys.age'),
      ageIdentityFile: join(config, 'age-identity'),
      generationsFile: join(state, 'generations.json'),
      logFile: join(state, 'tollgated.log'),
      chatHistoryFile: join(state, 'chat-history'),
      id,
    },
    logLevel: set(variables, 'TOLLGATE_LOG_LEVEL'),
    jwtSecret: set(variables, 'TOLLGATE_JWT_SECRET'),
    token: set(variables, 'TOLLGATE_TOKEN'),
    address: set(variables, 'TOLLGATE_ADDRESS'),
    credentialsDir: set(variables, 'CREDENTIALS_DIRECTORY'),
    userDir: set(variables, 'HOME'),
    sessionBus: { address: set(variables, 'DBUS_SESSION_BUS_ADDRESS'), socket: runtime === undefined ? undefined : join(runtime, 'bus') },
    variables,
  };
}
