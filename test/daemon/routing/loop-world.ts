import { sleep } from '../../../src/daemon/clock.ts';
import { Failure } from '../../../src/daemon/failure.ts';
import { HealthBook } from '../../../src/daemon/routing/health-book.ts';
import { Generation, type GenerateEvent } from '../../../src/daemon/routing/generation.ts';
import type { PlannedAttempt, Route } from '../../../src/daemon/routing/plan-route.ts';
import { newTraffic, type Traffic } from '../../../src/daemon/routing/traffic.ts';
import { Secret } from '../../../src/daemon/secret.ts';
import type { GenerationRecord } from '../../../src/daemon/failure.ts';
import type { RoutingOptions } from '../../../src/gen/tollgate/v1/generate_service.ts';
import { ErrorClass, ProviderError, started, unsupported, type GenerateRequest } from '../../../src/plugins/provider.ts';
import type { ProviderInstance } from '../../../src/daemon/plugins/provider-instance.ts';
import { done, say, scriptedProvider } from '../scripted-provider.ts';
import { ask } from '../test-daemon.ts';
import { virtualClock, type VirtualClock } from './virtual-clock.ts';

/** What a provider does when it is called. */
export interface Deed {
  /** From the call to what follows. */
  readonly afterMs: number;
  readonly end: 'answer' | 'fail' | 'break' | 'hang' | 'stall' | 'absent' | 'unfit';
  readonly errorClass: ErrorClass;
  readonly retryAfterMs: number | undefined;
}

/** One deed after the other, the last one for good; or what it does at a time. */
export type DeedScript = readonly Deed[] | ((nowMs: number) => Deed);

export interface Planned {
  readonly provider: number;
  readonly model: string;
  readonly keys: readonly string[];
  readonly skip: boolean;
}

/** A call that reached a provider. */
export interface Call {
  readonly provider: string;
  readonly key: string;
  readonly atMs: number;
  readonly request: GenerateRequest;
}

export interface Outcome {
  readonly events: readonly GenerateEvent[];
  readonly failure: Failure | undefined;
  readonly record: GenerationRecord;
  readonly startMs: number;
  readonly endMs: number;
}

export interface CallOptions {
  readonly route: readonly Planned[];
  readonly mayGoOn: boolean;
  readonly maxAttempts: number;
  readonly retries: boolean;
  readonly deadlineMs: number;
  readonly routing?: Partial<RoutingOptions>;
}

export interface LoopWorld {
  readonly clock: VirtualClock;
  readonly traffic: Traffic;
  readonly calls: Call[];
  /** Runs one generation; time has to be let pass. */
  generate(options: CallOptions): Promise<Outcome>;
}

export const LIMITS = { connectMs: 5000, firstTokenMs: 120_000, idleMs: 60_000, attemptMs: null };

/** Scripted providers p0, p1, … that do one deed after the other, a clock that stands still, and the daemon's own attempt loop. */
export function loopWorld(scripts: readonly DeedScript[], random: () => number = () => 0.5): LoopWorld {
  const clock = virtualClock();
  const traffic: Traffic = { ...newTraffic(clock, new HealthBook({ clock })), random };
  const calls: Call[] = [];
  const instances = scripts.map((script, at): ProviderInstance => {
    const name = `p${at}`;
    let next = 0;
    const provider = scriptedProvider(name, async function* (request, { signal }) {
      const deed = typeof script === 'function' ? script(clock.monotonicMs()) : script[Math.min(next++, script.length - 1)];
      if (deed === undefined) throw new Error('no script');
      calls.push({ provider: name, key: request.key, atMs: clock.monotonicMs(), request });
      if (deed.end === 'absent') throw new ProviderError(ErrorClass.NETWORK, 'nobody there', { code: 'ECONNREFUSED' });
      if (deed.end === 'unfit') throw unsupported('seed', 'it has none');
      yield started();
      if (deed.end === 'hang') await sleep(1e12, signal, clock);
      await sleep(deed.afterMs, signal, clock);
      const error = new ProviderError(deed.errorClass, 'no', { retryAfterMs: deed.retryAfterMs });
      if (deed.end === 'fail') throw error;
      yield say(`${name}:`);
      if (deed.end === 'stall') await sleep(1e12, signal, clock);
      await sleep(deed.afterMs, signal, clock);
      if (deed.end === 'break') throw error;
      yield say('end');
      yield done({ outputTokens: 1n });
    });
    return { name, provider, enabled: true, instance: { name, baseUrl: '', settings: {} }, isLocal: true, keyRequired: false, defaultModel: '', keyEnvNames: [], missingSettings: [] };
  });

  const routeOf = (planned: readonly Planned[], mayGoOn: boolean): Route => ({
    mayGoOn,
    anyReady: false,
    attempts: planned.flatMap(({ provider, model, keys, skip }): PlannedAttempt[] => {
      const instance = instances[provider]!;
      if (skip) return [{ instance, model, skip: new Failure('KEY_MISSING', 'it has no key') }];
      return keys.map((label) => ({ instance, model, skip: undefined, key: { label, secret: new Secret(`key-${label}`), origin: 'environment' } }));
    }),
  });

  return {
    clock,
    traffic,
    calls,
    async generate({ route, mayGoOn, maxAttempts, retries, deadlineMs, routing = {} }) {
      const startMs = clock.monotonicMs();
      const controller = new AbortController();
      const stop = clock.after(deadlineMs, () => controller.abort(new Failure('DEADLINE', 'the time of this call is over')));
      const events: GenerateEvent[] = [];
      const generation = new Generation({ id: 'gen_test', account: undefined,
        request: ask({ model: 'x', routing }),
        route: routeOf(route, mayGoOn),
        limits: LIMITS,
        maxAttempts,
        retries,
        deadlineMs: startMs + deadlineMs,
        traffic,
        judge: () => {},
        signal: controller.signal,
        emit: (event) => void events.push(event),
      });
      const failure = await generation.run().then(
        () => undefined,
        (error: unknown) => {
          if (error instanceof Failure) return error;
          throw error;
        },
      );
      stop();
      return { events, failure, record: generation.record(), startMs, endMs: clock.monotonicMs() };
    },
  };
}
