/** What the keychain's process is asked to do. */
export interface KeychainJob {
  /** `try` writes and removes an account that holds no secret: the only way to learn that a keychain can be written to. */
  readonly kind: 'try' | 'read' | 'write' | 'remove';
  readonly account: string;
  /** What to write. */
  readonly secret: string;
}

/** Why the keychain did not do it. `absent`: there is none here. `silent`: it does not answer. */
export type KeychainProblem = 'absent' | 'locked' | 'silent' | 'failed';

/** What comes back. `value` is the secret read, or null; for `remove`, whether there was one. */
export type KeychainResult = { readonly done: true; readonly value: string | boolean | null } | { readonly done: false; readonly problem: KeychainProblem; readonly why: string };

const PROBLEMS: readonly unknown[] = ['absent', 'locked', 'silent', 'failed'] satisfies readonly KeychainProblem[];
const isProblem = (value: unknown): value is KeychainProblem => PROBLEMS.includes(value);

/** Reads what came over the pipe; undefined for anything else than a result. */
export function keychainResult(message: unknown): KeychainResult | undefined {
  if (typeof message !== 'object' || message === null || !('done' in message)) return undefined;
  if (message.done === true && 'value' in message && (message.value === null || typeof message.value === 'string' || typeof message.value === 'boolean')) return { done: true, value: message.value };
  if (message.done === false && 'problem' in message && isProblem(message.problem) && 'why' in message && typeof message.why === 'string') return { done: false, problem: message.problem, why: message.why };
  return undefined;
}
