export interface ConfigIssue {
  /** Where in the file, e.g. "listen.grpc". Empty for the file as a whole. */
  readonly path: string;
  /** What is wrong and what to write instead. */
  readonly message: string;
}

/** A config that cannot be used. Names the file, each place in it and what to write there. */
export class ConfigError extends Error {
  readonly issues: readonly ConfigIssue[];

  constructor(file: string, issues: readonly ConfigIssue[]) {
    super(`${file} cannot be used:\n${issues.map(({ path, message }) => `  ${path === '' ? '' : `${path}: `}${message}`).join('\n')}`);
    this.name = 'ConfigError';
    this.issues = issues;
  }
}
