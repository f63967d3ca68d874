import { Attempt_Outcome } from '../../gen/tollgate/v1/content.ts';
import type { Environment } from '../../environment.ts';
import { TollgateError } from '../typescript/tollgate-error.ts';
import { CliError, exitCode } from './cli-error.ts';
import { fileProblem } from './file-problem.ts';
import { upgradeLines } from './upgrade-text.ts';

/** An error as people read it, its lines without colours, and what the command ends with. */
export interface Explanation {
  readonly lines: readonly string[];
  readonly exitCode: number;
}

const token = 'Unset TOLLGATE_TOKEN to call as yourself, or make a token: `tollgate token create <client> --scope generate`.';

/** What to do about a reason, where the daemon's message may not say it. */
const hints: Readonly<Record<string, string>> = {
  TOKEN_MISSING: token,
  TOKEN_INVALID: token,
  TOKEN_EXPIRED: token,
  TOKEN_REVOKED: token,
  MODEL_NOT_FOUND: 'See what can be asked: `tollgate models`.',
  PROVIDER_NOT_FOUND: 'See which there are: `tollgate models`, `tollgate keys list --all`.',
  NO_PROVIDER_READY: "Set a provider's key, e.g. `tollgate keys set openai`, or start Ollama.",
  KEY_REJECTED: 'Check the key, and set the right one: `tollgate keys set <provider>`.',
  KEYS_LOCKED: 'Unlock the keys: `tollgate keys unlock`.',
  KEY_STORE_UNAVAILABLE: '`tollgate keys list` names the store of keys, and what is wrong with it.',
  GENERATION_NOT_FOUND: 'It may still run, be forgotten by now, or be of another client. See what there is: `tollgate usage export`.',
  PROVIDER_QUOTA_EXHAUSTED: 'Your account at the provider has no money or quota left.',
  RATE_LIMITED: 'Wait a little, or ask another model: `tollgate models`.',
  PROVIDER_OVERLOADED: 'Wait a little, or ask another model: `tollgate models`.',
  CONTEXT_TOO_LONG: 'Send less, or ask a model with a larger context: `tollgate models`.',
  FIRST_TOKEN_TIMEOUT: 'Models that think long need more: routing.first_token_timeout in the config.',
  DEADLINE: 'Give it longer with --timeout.',
  SHUTTING_DOWN: 'Run it again: the daemon is stopping.',
};

function keyVariables(error: TollgateError): string[] {
  return (error.metadata['key_env'] ?? '').split(',').map((name) => name.trim()).filter((name) => name !== '');
}

/** What to do when a key is set in this environment that the daemon does not know. Undefined when none is. */
export function keySetHere(error: TollgateError, { variables }: Environment): string | undefined {
  const name = keyVariables(error).find((candidate) => variables[candidate]);
  return name === undefined ? undefined : `${name} is set here, but the daemon was started without it: run \`tollgate keys import\`, or \`tollgate restart\`.`;
}

function hintFor(error: TollgateError, environment: Environment): string | undefined {
  if (error.message.includes('(skip_validation)')) return 'To store it all the same, add --no-check.';
  if (error.reason === 'TOKEN_MISSING' && environment.address !== undefined) return 'At an address of your own no token is found by itself: set TOLLGATE_TOKEN beside TOLLGATE_ADDRESS.';
  const blocked = error.metadata['blocked_by'];
  if (blocked !== undefined) return hints[blocked];
  const here = keySetHere(error, environment);
  if (here !== undefined || error.reason !== 'KEY_MISSING') return here ?? hints[error.reason];
  return error.message.includes('tollgate keys set') ? undefined : `Set it: \`tollgate keys set ${error.metadata['provider'] ?? '<provider>'}\`.`;
}

function attemptLines(error: TollgateError): string[] {
  const failed = (error.failure?.attempts ?? []).filter(({ outcome }) => outcome !== Attempt_Outcome.SUCCEEDED);
  if (failed.length < 2) return [];
  return failed.map(({ provider, model, reason, message }) => `  ${provider}/${model}: ${message || 'failed'} (${reason})`);
}

function explainTollgateError(error: TollgateError, environment: Environment): Explanation {
  const unreachable = error.reason === 'DAEMON_UNREACHABLE';
  const lines = [`tollgate: ${error.message} (${error.reason})`];
  for (const { field, description } of error.violations) {
    // A long one is cut in its field, not in the message.
    if (!error.message.includes(description.replace(/…$/, ''))) lines.push(`  ${field}: ${description}`);
  }
  lines.push(...attemptLines(error));
  if (error.upgrade !== undefined) lines.push(...upgradeLines(error.upgrade));
  if (error.retryAfterMs !== undefined && error.upgrade?.resetsAt === undefined) lines.push(`It may work again in ${Math.ceil(error.retryAfterMs / 1000)} s.`);
  const hint = hintFor(error, environment);
  if (hint !== undefined) lines.push(hint);
  if (unreachable && environment.address !== undefined) lines.push(`TOLLGATE_ADDRESS says ${environment.address}.`);
  // A cause means that somebody did answer before.
  if (unreachable && environment.address === undefined && error.cause !== undefined) lines.push(`Its log: ${environment.home.logFile}`);
  if (error.reason === 'INTERNAL') lines.push(`The daemon's log may say more: ${environment.home.logFile}`);
  return { lines, exitCode: unreachable ? exitCode.unreachable : exitCode.refused };
}

export function explainError(error: unknown, environment: Environment): Explanation {
  if (error instanceof TollgateError) return explainTollgateError(error, environment);
  if (error instanceof CliError) return { lines: [`tollgate: ${error.message}`, ...error.hints], exitCode: error.exitCode };
  const problem = fileProblem(error);
  if (problem !== undefined) return { lines: [`tollgate: ${problem}`], exitCode: exitCode.refused };
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { lines: [`tollgate: ${message}`], exitCode: exitCode.refused };
}
