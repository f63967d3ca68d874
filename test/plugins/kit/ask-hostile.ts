import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { openaiCompatible } from '../../../src/plugins/openai-compatible.ts';
import { ProviderError, type Provider } from '../../../src/plugins/provider.ts';
import { sse } from '../../ask-provider.ts';
import { collectAnswer, type CollectedAnswer } from '../../collect-answer.ts';
import { generateRequest } from '../../generate-request.ts';
import { mockUpstream, type MockAnswer, type MockUpstream } from '../../mock-upstream.ts';

export const KEY = 'sk-QzXw7vJm-4f1d2c9be7a85036';
export const MB = 1024 * 1024;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** The bytes that are held. What the first turn lets go of, the second takes away. */
export const used = (): number => {
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

/** What some plugins cannot do without. */
const SETTINGS = { account_id: '0123456789abcdef0123456789abcdef' };

/** The longest turn of the event loop while somebody asked, in ms of computing: on a busy machine the clock says nothing. */
let longestTurn = 0;

async function watched<T>(work: () => Promise<T>): Promise<T> {
  const computed = (): number => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  let before = computed();
  const look = (): void => {
    const now = computed();
    longestTurn = Math.max(longestTurn, now - before);
    before = now;
  };
  const timer = setInterval(look, 5);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    look();
  }
}

/** Asks whoever listens there, and reads the answer to its end. */
export const askHostile = (url: string, provider: Provider = openaiCompatible, signal = AbortSignal.timeout(15_000)): Promise<CollectedAnswer> =>
  watched(() => collectAnswer(provider.generate(generateRequest({ baseUrl: url, key: KEY, settings: SETTINGS }), { signal })));

export interface Hostile {
  /** Asks a provider that answers this. */
  readonly answered: (answer: MockAnswer, provider?: Provider) => Promise<CollectedAnswer>;
  /** Asks a provider that answers these events. */
  readonly events: (...list: readonly unknown[]) => Promise<CollectedAnswer>;
}

/** A provider for the tests of a file, and a watch over each of them: whatever comes, other callers are served meanwhile. */
export function hostileProvider(): Hostile {
  let mock: MockUpstream;
  beforeAll(async () => {
    mock = await mockUpstream();
  });
  afterAll(() => mock.close());
  beforeEach(() => {
    longestTurn = 0;
  });
  afterEach(() => {
    expect(longestTurn, 'the longest turn of the event loop, in ms of computing').toBeLessThan(1000);
  });
  const answered = (answer: MockAnswer, provider?: Provider): Promise<CollectedAnswer> => {
    mock.answer(answer);
    return askHostile(mock.url, provider);
  };
  return { answered, events: (...list) => answered(sse(...list)) };
}

/** An answer that is whole or a typed error: nothing else ever comes of what a provider sends. */
export function expectTyped({ error, finish, order }: CollectedAnswer): void {
  if (error === undefined) {
    expect(finish).toBeDefined();
    return;
  }
  expect(error).toBeInstanceOf(ProviderError);
  expect(order).not.toContain('finish');
}
