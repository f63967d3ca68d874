import { percentile } from './median.ts';
import { processCost, type ProcessCost } from './process-cost.ts';

/** What one load run gives, named as the C tool `lg` names it. Times in µs; -1 is not seen. */
export interface LoadResult {
  readonly rps: number;
  readonly p50: number;
  readonly p99: number;
  readonly ttft50: number;
  readonly ttft99: number;
  readonly tok_s: number;
  readonly tok50: number;
  readonly tok99: number;
  readonly errs: number;
  readonly cpu_us_req: number;
  readonly cpu_pct: number;
  readonly rss_mb: number;
  readonly lg_cpu_pct: number;
}

/** The clock that the mock stamps its tokens with. */
export const nowUs = (): number => Number(process.hrtime.bigint() / 1000n);

/** A token that carries the time at which the mock wrote it. */
const STAMP = /@@(\d{14})/g;

const orUnseen = (value: number): number => (Number.isNaN(value) ? -1 : Math.round(value));

/** Counts what happens between the end of the warm-up and the end of the run. */
export class LoadWindow {
  readonly #pids: readonly number[];
  #open = false;
  #startUs = 0;
  #gateway: ProcessCost = { cpuUs: 0, rssKb: 0 };
  #own: ProcessCost = { cpuUs: 0, rssKb: 0 };
  readonly #latencies: number[] = [];
  readonly #firsts: number[] = [];
  readonly #tokens: number[] = [];
  #errors = 0;

  constructor(pids: readonly number[]) {
    this.#pids = pids;
  }

  open(): void {
    this.#gateway = processCost(this.#pids);
    this.#own = processCost([process.pid]);
    this.#startUs = nowUs();
    this.#open = true;
  }

  /** Takes a piece of an answer; returns how many stamped tokens are in it. */
  receive(text: string): number {
    let seen = 0;
    const now = nowUs();
    for (const [, stamp] of text.matchAll(STAMP)) {
      seen++;
      if (this.#open) this.#tokens.push(now - Number(stamp));
    }
    return seen;
  }

  /** Takes a stream that ended. `firstUs` is how long its first token took. */
  finish(startUs: number, firstUs: number | undefined, ok: boolean): void {
    if (!this.#open) return;
    if (!ok) {
      this.#errors++;
      return;
    }
    this.#latencies.push(nowUs() - startUs);
    if (firstUs !== undefined) this.#firsts.push(firstUs);
  }

  close(): LoadResult {
    const seconds = (nowUs() - this.#startUs) / 1e6;
    this.#open = false;
    const gateway = processCost(this.#pids);
    const cpuUs = gateway.cpuUs - this.#gateway.cpuUs;
    const ownUs = processCost([process.pid]).cpuUs - this.#own.cpuUs;
    const streams = this.#latencies.length;
    return {
      rps: streams / seconds,
      p50: orUnseen(percentile(this.#latencies, 0.5)),
      p99: orUnseen(percentile(this.#latencies, 0.99)),
      ttft50: orUnseen(percentile(this.#firsts, 0.5)),
      ttft99: orUnseen(percentile(this.#firsts, 0.99)),
      tok_s: this.#tokens.length / seconds,
      tok50: orUnseen(percentile(this.#tokens, 0.5)),
      tok99: orUnseen(percentile(this.#tokens, 0.99)),
      errs: this.#errors,
      cpu_us_req: streams === 0 ? 0 : cpuUs / streams,
      cpu_pct: cpuUs / seconds / 1e4,
      rss_mb: gateway.rssKb / 1024,
      lg_cpu_pct: ownUs / seconds / 1e4,
    };
  }
}
