import { fork, type ChildProcess } from 'node:child_process';
import { keychainResult, type KeychainJob, type KeychainResult } from './keychain-job.ts';
import { packageProgram } from './package-program.ts';

export interface KeychainChannel {
  /** One job at a time, each answered within 5 s, be it with `silent`. */
  run(job: KeychainJob): Promise<KeychainResult>;
  close(): Promise<void>;
}

const ANSWER_MS = 5000;
/** Who is asked for a password may take longer than the call that wanted it. Only reading may go on: a late write would come unexpected. */
const QUESTION_MS = 120_000;
/** The process holds some 40 MB: it goes when nothing was asked for so long. */
const IDLE_MS = 5000;

interface Waiting {
  readonly job: KeychainJob;
  readonly answer: (result: KeychainResult) => void;
}

const silent = (why: string): KeychainResult => ({ done: false, problem: 'silent', why });

/** The process that talks to the keychain, started when it is first needed. It keeps the daemon alive only while it works. */
export function keychainChannel(env: Readonly<Record<string, string>>): KeychainChannel {
  const queue: Waiting[] = [];
  let child: ChildProcess | undefined;
  let current: Waiting | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const start = (): ChildProcess => {
    // Nothing of the daemon's own environment, which holds keys; and no debugger that a signal opens.
    const started = fork(packageProgram('keychain-process'), [], { env: { ...env, ELECTRON_RUN_AS_NODE: '1' }, execArgv: ['--disable-sigusr1'], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    const ended = (): void => {
      if (child !== started) return;
      child = undefined;
      finish({ done: false, problem: 'failed', why: 'the process that asks the keychain ended unexpectedly' });
    };
    started.on('message', (message) => {
      if (child === started) finish(keychainResult(message) ?? { done: false, problem: 'failed', why: 'the process that asks the keychain said something else than an answer' });
    });
    started.once('exit', ended).on('error', ended);
    return started;
  };

  const stop = (): void => {
    const stopped = child;
    child = undefined;
    stopped?.kill('SIGKILL');
  };

  const keepAlive = (alive: boolean): void => {
    if (alive) child?.ref();
    else child?.unref();
    if (alive) child?.channel?.ref();
    else child?.channel?.unref();
  };

  const next = (): void => {
    clearTimeout(timer);
    current = queue.shift();
    if (current === undefined) {
      keepAlive(false);
      timer = setTimeout(stop, IDLE_MS).unref();
      return;
    }
    child ??= start();
    keepAlive(true);
    child.send(current.job);
  };

  const finish = (result: KeychainResult): void => {
    current?.answer(result);
    if (current !== undefined) next();
  };

  /** The caller has waited long enough. */
  const giveUp = (waiting: Waiting): void => {
    const place = queue.indexOf(waiting);
    if (place >= 0) queue.splice(place, 1);
    waiting.answer(silent(`no answer within ${ANSWER_MS / 1000} s`));
    if (current !== waiting) return;
    if (waiting.job.kind === 'read' && !closed) {
      keepAlive(false);
      timer = setTimeout(() => {
        stop();
        next();
      }, QUESTION_MS).unref();
      return;
    }
    stop();
    next();
  };

  return {
    run(job) {
      if (closed) return Promise.resolve(silent('the daemon is stopping'));
      const { promise, resolve } = Promise.withResolvers<KeychainResult>();
      const waiting: Waiting = { job, answer: resolve };
      const limit = setTimeout(() => giveUp(waiting), ANSWER_MS);
      queue.push(waiting);
      if (current === undefined) next();
      return promise.finally(() => clearTimeout(limit));
    },
    async close() {
      closed = true;
      for (const waiting of [...queue.splice(0), ...(current === undefined ? [] : [current])]) waiting.answer(silent('the daemon is stopping'));
      current = undefined;
      clearTimeout(timer);
      stop();
    },
  };
}
