import { TollgateError } from '../typescript/tollgate-error.ts';
import { CliError, exitCode } from './cli-error.ts';
import { fileProblem } from './file-problem.ts';

const verbs = new Set(['generate', 'embed', 'models', 'status', 'token', 'keys', 'config', 'usage', 'quota', 'why', 'prices', 'recover']);

/** Whether this command line asks for JSON. */
export function wantsJson([verb = '', ...args]: readonly string[]): boolean {
  const end = args.indexOf('--');
  return verbs.has(verb) && (end === -1 ? args : args.slice(0, end)).includes('--json');
}

interface Fields {
  readonly reason: string;
  readonly code: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

function fieldsOf(error: unknown): Fields {
  if (error instanceof TollgateError) return error;
  const failed = error instanceof CliError ? error.exitCode : exitCode.refused;
  if (failed === exitCode.wrongUse) return { reason: 'REQUEST_INVALID', code: 'INVALID_ARGUMENT' };
  if (failed === exitCode.unreachable) return { reason: 'DAEMON_UNREACHABLE', code: 'UNAVAILABLE' };
  return { reason: 'INTERNAL', code: 'INTERNAL' };
}

/** An error as one line for programs: `{"error":{"reason","code","message","metadata"}}`, with the API's reasons and codes. */
export function errorJson(error: unknown): string {
  const { reason, code, metadata = {} } = fieldsOf(error);
  const message = fileProblem(error) ?? (error instanceof Error ? error.message : String(error));
  return JSON.stringify({ error: { reason, code, message, metadata } });
}
