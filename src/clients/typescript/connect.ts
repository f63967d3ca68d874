import { type Environment, readEnvironment } from '../../environment.ts';
import { openConnection } from './connection.ts';
import { createTollgate, type Tollgate } from './tollgate.ts';

export interface ConnectOptions {
  /** `unix:/path` or `host:port`. Unset is TOLLGATE_ADDRESS, else where the daemon of the same user listens. */
  readonly address?: string | undefined;
  /**
   * The token to send. Unset is TOLLGATE_TOKEN, else the admin token of the daemon of the same user, which is read again when
   * that daemon was restarted and which is sent to no other address.
   */
  readonly token?: string | undefined;
  /** The longest wait for a connection, in milliseconds. Unset is 5000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Where to look for the daemon's files. Unset is this process's environment. */
  readonly environment?: Environment | undefined;
}

/**
 * Connects to the daemon.
 *
 * @throws TollgateError DAEMON_UNREACHABLE when none runs or none answers in time.
 */
export async function connect(options: ConnectOptions = {}): Promise<Tollgate> {
  const connection = openConnection({
    address: options.address,
    token: options.token,
    connectTimeoutMs: options.connectTimeoutMs ?? 5000,
    environment: options.environment ?? readEnvironment(process.env),
  });
  await connection.client();
  return createTollgate(connection);
}
