/** How the daemon's process ends when it cannot start (api.md). */
export const EXIT = { FAILED: 1, ALREADY_RUNNING: 75, DAMAGED: 78 } as const;

/** Why the daemon cannot start, for the person who started it. */
export class StartError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartError';
    this.exitCode = exitCode;
  }
}
