/** What a command ends with. */
export const exitCode = { done: 0, refused: 1, wrongUse: 2, unreachable: 3, interrupted: 130 } as const;

/** A failure of the command itself: what happened and, in the lines under it, what to do. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;
  readonly hints: readonly string[];

  constructor(code: number, message: string, ...hints: readonly string[]) {
    super(message);
    this.exitCode = code;
    this.hints = hints;
  }
}
