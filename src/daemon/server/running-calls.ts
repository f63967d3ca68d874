import type { Caller } from '../access/caller.ts';
import type { Failure } from '../failure.ts';

/** A call that was let in. */
export interface RunningCall {
  readonly caller: Caller;
  /** Ends its work; set once a handler has it. */
  abort?: (failure: Failure) => void;
  /** Whether it ended because its connection did. */
  readonly isConnectionLost: () => boolean;
  /** Ends it, whatever its handler does. */
  readonly end: (failure: Failure) => void;
}

export interface RunningCalls {
  add(call: RunningCall): void;
  delete(call: RunningCall): void;
}

/** How often the callers of running calls are looked at. */
const SWEEP_MS = 1000;
/** How many looks later a call that goes on all the same is ended. */
const PATIENCE = 3;

/** The calls that run, each cut within 5 s of the moment from which its caller may not go on. No timer runs while there are none. */
export function runningCalls(problemOf: (caller: Caller) => Failure | undefined): RunningCalls {
  /** Each with the looks since its caller may not go on. */
  const calls = new Map<RunningCall, number>();
  let timer: NodeJS.Timeout | undefined;

  const cut = (call: RunningCall, looks: number, problem: Failure): void => {
    calls.set(call, looks + 1);
    if (call.abort === undefined || looks >= PATIENCE) call.end(problem);
    else if (looks === 0) call.abort(problem);
  };
  const sweep = (): void => {
    for (const [call, looks] of calls) {
      const problem = problemOf(call.caller);
      if (problem !== undefined) cut(call, looks, problem);
    }
    timer = calls.size > 0 ? setTimeout(sweep, SWEEP_MS).unref() : undefined;
  };

  return {
    add(call) {
      calls.set(call, 0);
      timer ??= setTimeout(sweep, SWEEP_MS).unref();
    },
    delete: (call) => void calls.delete(call),
  };
}
