import { Worker } from 'node:worker_threads';
import type { AgeJob, AgeResult } from './age-job.ts';
import { inTurn } from '../files/in-turn.ts';
import { packageProgram } from './package-program.ts';
import { unavailable } from './store-failure.ts';

export interface AgeThread {
  /** One job at a time. Throws KEY_STORE_UNAVAILABLE when the thread ends before it answers. */
  run(job: AgeJob): Promise<AgeResult>;
  close(): Promise<void>;
}

/** A thread holds some 30 MB: it goes when nothing was asked for so long. */
const IDLE_MS = 5000;

/** The thread that encrypts and decrypts, started when it is first needed. It keeps the process alive only while it works. */
export function ageThread(): AgeThread {
  const turn = inTurn();
  let worker: Worker | undefined;
  let idle: NodeJS.Timeout | undefined;
  let closed = false;

  const start = (): Worker => {
    // Its part of a diagnostic report would show the environment of the whole process, whatever the daemon's part leaves out.
    const started = new Worker(packageProgram('age-worker'), { name: 'age', execArgv: ['--report-exclude-env'], env: {} });
    started.on('error', () => {});
    started.once('exit', () => {
      if (worker === started) worker = undefined;
    });
    return started;
  };

  const stop = async (): Promise<void> => {
    clearTimeout(idle);
    await worker?.terminate();
  };

  const ask = async (job: AgeJob): Promise<AgeResult> => {
    if (closed) throw unavailable('the daemon is stopping');
    clearTimeout(idle);
    worker ??= start();
    const asked = worker;
    asked.ref();
    const { promise, resolve, reject } = Promise.withResolvers<AgeResult>();
    const fail = (cause: unknown): void => reject(unavailable('the thread that encrypts the keys ended unexpectedly; try again', cause));
    asked.once('message', resolve).once('error', fail).once('exit', fail);
    try {
      asked.postMessage(job, []);
      return await promise;
    } finally {
      asked.off('message', resolve).off('error', fail).off('exit', fail);
      asked.unref();
      idle = setTimeout(() => void stop(), IDLE_MS).unref();
    }
  };

  return {
    run: (job) => turn(() => ask(job)),
    async close() {
      closed = true;
      await stop();
    },
  };
}
