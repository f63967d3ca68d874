import { describe, expect, it } from 'vitest';
import { toDuration } from '../../../src/duration.ts';
import { Attempt_Outcome, type Attempt } from '../../../src/gen/tollgate/v1/content.ts';
import { ErrorClass, ProviderError, started } from '../../../src/plugins/provider.ts';
import { done, hello, say, scriptedProvider, type Script } from '../scripted-provider.ts';
import { ask, bearer, generate, testDaemon, type Generated, type TestDaemon } from '../test-daemon.ts';

const { CANCELLED, FAILED, SUCCEEDED, SKIPPED } = Attempt_Outcome;
const HEDGE_MS = 30;

interface Gate {
  readonly script: Script;
  /** Lets it answer. */
  open(): void;
  /** Resolves when its signal fires. */
  readonly aborted: Promise<void>;
}

/** Accepts, and then is silent until it is told. */
function gate(text: string): Gate {
  const opened = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  return {
    open: () => opened.resolve(),
    aborted: aborted.promise,
    script: async function* (_request, { signal }) {
      yield started();
      const gone = new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted.resolve();
          reject(signal.reason as Error);
        }, { once: true });
      });
      await Promise.race([opened.promise, gone]);
      yield say(text);
      yield done();
    },
  };
}

const hedged = (fields: object = {}) => ask({ model: 'both', routing: { hedgeAfter: toDuration(HEDGE_MS), ...fields } });
const withProviders = (a: Script, b: Script, routing: object = {}): Promise<TestDaemon> => testDaemon({ providers: [scriptedProvider('a', a), scriptedProvider('b', b)], config: { aliases: { both: ['a/m', 'b/m'] }, routing } });

function attemptsOf({ events, failure }: Generated): readonly Attempt[] {
  const last = events.at(-1)?.event;
  return last?.$case === 'finish' ? last.value.attempts : (failure?.generation?.attempts ?? []);
}
const steps = (generated: Generated) => attemptsOf(generated).map(({ provider, outcome, reason }) => [provider, outcome, reason]);
const story = ({ events }: Generated) => events.flatMap(({ event }) => (event === undefined ? [] : event.$case === 'attemptStarted' || event.$case === 'attemptFailed' ? [`${event.$case} ${event.value.provider}`] : [event.$case]));

describe('hedging', () => {
  it('asks the next one when the first is silent, and whoever answers first stays alone', async () => {
    const slow = gate('slow');
    const daemon = await withProviders(slow.script, hello);
    const generated = await generate(daemon, hedged());
    await slow.aborted;
    expect([generated.text, generated.failure]).toEqual(['hello', undefined]);
    expect(story(generated)[0]).toBe('attemptStarted a');
    expect(story(generated)[1]).toBe('attemptStarted b');
    expect(steps(generated)).toEqual([
      ['a', CANCELLED, 'CANCELLED'],
      ['b', SUCCEEDED, ''],
    ]);
  });

  it('stays with the first when that one answers after all, and shows no other', async () => {
    const [slow, never] = [gate('slow'), gate('never')];
    const asked = Promise.withResolvers<void>();
    const daemon = await withProviders(slow.script, (...call) => {
      asked.resolve();
      return never.script(...call);
    });
    const running = generate(daemon, hedged());
    await asked.promise;
    slow.open();
    const generated = await running;
    await never.aborted;
    expect(generated.text).toBe('slow');
    expect(story(generated)).toEqual(['attemptStarted a', 'textDelta', 'finish']);
    expect(steps(generated)).toEqual([
      ['a', SUCCEEDED, ''],
      ['b', CANCELLED, 'CANCELLED'],
    ]);
  });

  it('is off unless the request asks for it', async () => {
    const slow = gate('slow');
    const b = scriptedProvider('b', hello);
    const daemon = await testDaemon({ providers: [scriptedProvider('a', slow.script), b], config: { aliases: { both: ['a/m', 'b/m'] }, routing: { first_token_timeout: '10s' } } });
    const running = generate(daemon, ask({ model: 'both' }));
    setTimeout(() => slow.open(), HEDGE_MS * 5);
    expect((await running).text).toBe('slow');
    expect(b.requests).toHaveLength(0);
  });

  it.each([
    ['no other model is allowed', { model: 'a/m' }],
    ['only local ones are, and the next is not', { model: 'both', localOnly: true }],
  ])('asks nobody else where %s', async (_what, { model, localOnly = false }: { readonly model: string; readonly localOnly?: boolean }) => {
    const slow = gate('slow');
    const cloud = scriptedProvider('b', hello, { isLocal: false });
    const daemon = await testDaemon({ providers: [scriptedProvider('a', slow.script), cloud], config: { aliases: { both: ['a/m', 'b/m'] } } });
    const running = generate(daemon, ask({ model, routing: { hedgeAfter: toDuration(HEDGE_MS), localOnly } }));
    setTimeout(() => slow.open(), HEDGE_MS * 5);
    expect((await running).text).toBe('slow');
    expect(cloud.requests).toHaveLength(0);
  });

  it('keeps to max_attempts', async () => {
    const slow = gate('slow');
    const daemon = await withProviders(slow.script, hello, { max_attempts: 1 });
    const running = generate(daemon, hedged());
    setTimeout(() => slow.open(), HEDGE_MS * 5);
    expect(steps(await running)).toEqual([['a', SUCCEEDED, '']]);
  });

  it('goes on with the one that is left when the other fails, and tells it', async () => {
    const late = gate('late');
    const daemon = await withProviders(
      async function* (_request, { signal }) {
        yield started();
        await new Promise((resolve) => setTimeout(resolve, HEDGE_MS * 4));
        signal.throwIfAborted();
        setTimeout(() => late.open(), HEDGE_MS);
        throw new ProviderError(ErrorClass.SERVER, 'broke');
      },
      late.script,
    );
    const generated = await generate(daemon, hedged());
    expect(generated.text).toBe('late');
    expect(steps(generated)).toEqual([
      ['a', FAILED, 'PROVIDER_UNAVAILABLE'],
      ['b', SUCCEEDED, ''],
    ]);
    expect(story(generated)).toEqual(['attemptStarted a', 'attemptFailed a', 'attemptStarted b', 'textDelta', 'finish']);
  });

  it('passes over a local provider that is not there as ever', async () => {
    const daemon = await withProviders(async function* () {
      throw new ProviderError(ErrorClass.NETWORK, 'nobody', { code: 'ECONNREFUSED' });
      // oxlint-disable-next-line no-unreachable
      yield started();
    }, hello);
    const generated = await generate(daemon, hedged());
    expect(steps(generated)).toEqual([
      ['a', SKIPPED, 'PROVIDER_UNAVAILABLE'],
      ['b', SUCCEEDED, ''],
    ]);
    expect(story(generated)).not.toContain('attemptFailed a');
  });

  it('ends all of them when the caller goes away', async () => {
    const [one, two] = [gate('one'), gate('two')];
    const bothAsked = Promise.withResolvers<void>();
    const daemon = await withProviders(one.script, (...call) => {
      bothAsked.resolve();
      return two.script(...call);
    });
    const call = daemon.generateClient.generate(hedged(), bearer(daemon.adminToken));
    call.on('error', () => {}).resume();
    await bothAsked.promise;
    call.cancel();
    await Promise.all([one.aborted, two.aborted]);
  });
});
