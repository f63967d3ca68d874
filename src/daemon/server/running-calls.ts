import type { Caller } from '../access/caller.ts';
import type { Failure } from '../failure.ts';
import { Roster, type Place } from '../roster.ts';

/** A call that was let in. */
export interface RunningCall {
  readonly caller: Caller;
  /** Ends its work; set once a handler has it. */
  abort?: ((failure: Failure) => void) | undefined;
  /** Whether it ended because its connection did. */
  readonly isConnectionLost: () => boolean;
  /** Ends it, whatever its handler does. */
  readonly end: (failure: Failure) => void;
}

export interface RunningCalls {
  /** Returns what ends the watch over it. */
  add(call: RunningCall): () => void;
}

interface Watched {
  readonly call: RunningCall;
  /** The looks since its caller may not go on. */
  looks: number;
}

/** How often the callers of running calls are looked at. */
const SWEEP_MS = 1000;
/** How many looks later a call that goes on all the same is ended. */
const PATIENCE = 3;

/** The calls that run, each cut within 5 s of the moment from which its caller may not go on. No timer runs while there are none. */
export function runningCalls(problemOf: (caller: Caller) => Failure | undefined): RunningCalls {
  const calls = new Roster<Watched>();
  let timer: NodeJS.Timeout | undefined;

  const cut = (watched: Watched, problem: Failure): void => {
    const { call } = watched;
    const looks = watched.looks++;
    if (call.abort === undefined || looks >= PATIENCE) call.end(problem);
    else if (looks === 0) call.abort(problem);
  };
  const sweep = (): void => {
    for (const watched of calls) {
      const problem = problemOf(watched.call.caller);
      if (problem !== undefined) cut(watched, problem);
    }
    timer = calls.size > 0 ? setTimeout(sweep, SWEEP_MS).unref() : undefined;
  };

  return {
    add(call) {
      const place: Place<Watched> = calls.add({ call, looks: 0 });
      timer ??= setTimeout(sweep, SWEEP_MS).unref();
      return () => void calls.remove(place);
    },
  };
}
