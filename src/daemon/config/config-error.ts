import { maskKeys } from '../mask-keys.ts';

export interface ConfigIssue {
  /** Where in the file, e.g. "listen.grpc". Empty for the file as a whole. */
  readonly path: string;
  /** What is wrong and what to write instead. */
  readonly message: string;
}

/** Who has more mistakes than these reads no further. */
export const MAX_ISSUES = 20;

/** A config that cannot be used. Names the file, each place in it and what to write there. */
export class ConfigError extends Error {
  readonly issues: readonly ConfigIssue[];

  constructor(file: string, issues: readonly ConfigIssue[]) {
    // People write keys into the config, where none belongs: what is said of that goes into logs.
    const told = issues.slice(0, MAX_ISSUES).map(({ path, message }) => ({ path: maskKeys(path), message: maskKeys(message) }));
    super(`${file} cannot be used:\n${told.map(({ path, message }) => `  ${path === '' ? '' : `${path}: `}${message}`).join('\n')}${issues.length > MAX_ISSUES ? '\n  and more' : ''}`);
    this.name = 'ConfigError';
    this.issues = told;
  }
}
