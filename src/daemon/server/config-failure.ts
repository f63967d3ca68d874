import { ConfigError } from '../config/config-error.ts';
import { Failure } from '../failure.ts';

/** What is wrong with a config, for the caller who would change it. Every other error comes back as it is. */
export function configFailure(error: unknown): unknown {
  if (!(error instanceof ConfigError)) return error;
  const places = error.issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  const violations = error.issues.map(({ path, message }) => ({ field: path, description: message }));
  return new Failure('CONFIG_INVALID', `the config cannot be used so, and nothing was changed: ${places.join('; ')}`, { violations, cause: error });
}
