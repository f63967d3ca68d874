import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { CheckKeyResponse_Verdict as Verdict } from '../src/gen/tollgate/provider/v1/provider_service.ts';
import { FinishReason } from '../src/gen/tollgate/v1/content.ts';
import { ErrorClass, ProviderError, type CheckKeyResponse, type GenerateRequest, type Provider, type TokenUsage } from '../src/plugins/provider.ts';
import { CUT_CLASSES, essence, expectCutOrWhole, expectOrder } from './answer-contract.ts';
import { collectAnswer, providerErrorOf, type CollectedAnswer } from './collect-answer.ts';
import { expectManifest } from './manifest-contract.ts';
import { generateRequest } from './generate-request.ts';
import { mockUpstream, refusingUrl, type MockAnswer, type MockUpstream } from './mock-upstream.ts';
import type { ProviderFixture } from './provider-fixture.ts';

/** What a provider of the network answers, and what that means. Bodies are SSE, NDJSON or JSON: the suite does not care. */
export interface UpstreamFixtures {
  /** A short text with a character of several bytes, and usage. It is cut at every byte: keep it under 2 KB. */
  readonly text: { readonly answer: ProviderFixture; readonly text: string; readonly usage: TokenUsage; readonly finishReason?: FinishReason };
  /** A text without any usage. Leave it out when the provider always sends usage. */
  readonly withoutUsage?: { readonly answer: ProviderFixture };
  readonly toolCall: { readonly answer: ProviderFixture; readonly calls: readonly { readonly name: string; readonly arguments: unknown }[] };
  /** An error with its HTTP status. */
  readonly error: { readonly answer: ProviderFixture; readonly errorClass: ErrorClass };
  /** A rate limit, with the wait that it asks for when it asks for one. */
  readonly rateLimit: { readonly answer: ProviderFixture; readonly retryAfterMs?: number };
  /** An error inside an answer that began with HTTP 200. */
  readonly streamError?: { readonly answer: ProviderFixture; readonly errorClass: ErrorClass };
}

export interface ProviderContract {
  readonly provider: Provider;
  readonly settings?: Readonly<Record<string, string>>;
  /** Default: a key that is long enough to be told apart from other text. */
  readonly key?: string;
  readonly model?: string;
  /** More of the request that the fixtures answer. */
  readonly request?: Partial<Omit<GenerateRequest, 'instance'>>;
  /** Left out by a provider that asks nobody. */
  readonly upstream?: UpstreamFixtures;
  /** Statuses that mean something else here than they do elsewhere. */
  readonly statuses?: Readonly<Record<number, ErrorClass>>;
}

const KEY = 'sk-contract-5f2c9be1d7a84c63';

const STATUSES: Readonly<Record<number, ErrorClass>> = {
  400: ErrorClass.INVALID_REQUEST,
  401: ErrorClass.AUTH,
  402: ErrorClass.BILLING,
  403: ErrorClass.PERMISSION,
  404: ErrorClass.NOT_FOUND,
  413: ErrorClass.TOO_LARGE,
  422: ErrorClass.INVALID_REQUEST,
  429: ErrorClass.RATE_LIMIT,
  500: ErrorClass.SERVER,
  502: ErrorClass.SERVER,
  503: ErrorClass.OVERLOADED,
  504: ErrorClass.SERVER,
  529: ErrorClass.OVERLOADED,
  302: ErrorClass.INVALID_RESPONSE,
};

const inPieces = (body: Buffer, size: number): readonly Buffer[] =>
  Array.from({ length: Math.ceil(body.length / size) }, (_, at) => body.subarray(at * size, (at + 1) * size));

/** The one suite that every provider passes. */
export function testProvider(contract: ProviderContract): void {
  const { provider, upstream: fixtures, key = KEY, model = 'contract-model' } = contract;
  const defaults = Object.fromEntries(provider.manifest.settings.filter((setting) => setting.defaultValue !== '').map((setting) => [setting.name, setting.defaultValue]));
  const settings = { ...defaults, ...contract.settings };
  const requestTo = (baseUrl: string): GenerateRequest =>
    generateRequest({ baseUrl, key, model, settings, ...contract.request });
  const ask = (baseUrl: string, signal = AbortSignal.timeout(15_000)): Promise<CollectedAnswer> =>
    collectAnswer(provider.generate(requestTo(baseUrl), { signal }));
  const check = (baseUrl: string): Promise<CheckKeyResponse> =>
    provider.checkKey({ instance: requestTo(baseUrl).instance, key }, { signal: AbortSignal.timeout(15_000) });

  describe(`the provider contract of ${provider.manifest.type}`, () => {
    test('has a manifest that says what it is', () => expectManifest(provider.manifest));

    if (fixtures === undefined) {
      test('streams started, deltas and one finish', async () => {
        const answer = await ask('');
        expect(answer.error).toBeUndefined();
        expectOrder(answer);
      });
      return;
    }

    let mock: MockUpstream;
    beforeAll(async () => {
      mock = await mockUpstream();
    });
    afterAll(() => mock.close());
    const answered = (...answers: readonly MockAnswer[]): Promise<CollectedAnswer> => {
      mock.answer(...answers);
      return ask(mock.url);
    };

    test('streams started, deltas and one finish, with the text unchanged', async () => {
      const answer = await answered(fixtures.text.answer);
      expect(answer.error).toBeUndefined();
      expectOrder(answer);
      expect(answer.text).toBe(fixtures.text.text);
      expect(answer.finish?.finishReason).toBe(fixtures.text.finishReason ?? FinishReason.STOP);
    });

    test('makes one request for one answer', async () => {
      const before = mock.requests.length;
      await answered(fixtures.text.answer);
      expect(mock.requests.length - before).toBe(1);
    });

    test('reports usage in the common meaning', async () => {
      const answer = await answered(fixtures.text.answer);
      expect(answer.finish?.usage).toEqual(fixtures.text.usage);
    });

    const { withoutUsage, streamError } = fixtures;
    if (withoutUsage !== undefined) {
      test('leaves usage unset when the provider reports none', async () => {
        const answer = await answered(withoutUsage.answer);
        expect(answer.error).toBeUndefined();
        expect(answer.finish).toBeDefined();
        expect(answer.finish?.usage).toBeUndefined();
      });
    }

    test('tells tool calls with ids, names and arguments', async () => {
      const answer = await answered(fixtures.toolCall.answer);
      expect(answer.error).toBeUndefined();
      expectOrder(answer);
      expect(answer.toolCalls.map((call) => ({ name: call.name, arguments: JSON.parse(call.arguments) as unknown }))).toEqual(fixtures.toolCall.calls);
      const ids = answer.toolCalls.map((call) => call.id);
      expect(ids).not.toContain('');
      expect(new Set(ids).size).toBe(ids.length);
      expect(answer.finish?.finishReason).toBe(FinishReason.TOOL_CALL);
    });

    for (const [name, { answer }] of Object.entries({ text: fixtures.text, 'tool call': fixtures.toolCall })) {
      test.each([1, 2, 7, 64])(`reads the same ${name} answer in pieces of %i bytes`, async (size) => {
        const whole = await answered(answer);
        const pieced = await answered({ ...answer, body: inPieces(answer.body, size) });
        expect(pieced.error).toBeUndefined();
        expect(essence(pieced)).toEqual(essence(whole));
        expect(pieced.finish?.usage).toEqual(whole.finish?.usage);
      });

      test(`never takes a cut ${name} answer for a whole one, wherever it is cut`, { timeout: 60_000 }, async () => {
        const whole = await answered(answer);
        mock.answer(({ path }) => {
          const [, ending, at] = /^\/(cut|end)-(\d+)/.exec(path) ?? [];
          return { ...answer, body: answer.body.subarray(0, Number(at)), ending: ending === 'cut' ? 'cut' : 'end' };
        });
        const places = Array.from({ length: answer.body.length }, (_, at) => [`cut-${at}`, `end-${at}`]).flat();
        for (let from = 0; from < places.length; from += 32) {
          const slice = places.slice(from, from + 32);
          const answers = await Promise.all(slice.map((place) => ask(`${mock.url}/${place}`)));
          for (const [at, cut] of answers.entries()) expectCutOrWhole(cut, whole, slice[at] ?? '');
        }
      });
    }

    test.each(Object.entries({ ...STATUSES, ...contract.statuses }))('gives HTTP %s its class', async (status, errorClass) => {
      const answer = await answered({ status: Number(status), headers: { location: '/elsewhere' } });
      expect(answer.order).not.toContain('finish');
      const error = providerErrorOf(answer);
      expect({ class: error.errorClass, status: error.httpStatus }).toEqual({ class: errorClass, status: Number(status) });
      expect(error.message).not.toBe('');
    });

    test('reads its own errors', async () => {
      const error = providerErrorOf(await answered(fixtures.error.answer));
      expect({ class: error.errorClass, status: error.httpStatus }).toEqual({ class: fixtures.error.errorClass, status: fixtures.error.answer.status });
      expect(error.message).not.toMatch(/\[object Object\]|^\s*[{<]/);
    });

    test('reads its own rate limit and how long to wait', async () => {
      const error = providerErrorOf(await answered(fixtures.rateLimit.answer));
      expect({ class: error.errorClass, wait: error.retryAfterMs }).toEqual({ class: ErrorClass.RATE_LIMIT, wait: fixtures.rateLimit.retryAfterMs });
    });

    if (streamError !== undefined) {
      test('fails when the error comes inside the stream', async () => {
        const answer = await answered(streamError.answer);
        expect(answer.order).not.toContain('finish');
        expect(providerErrorOf(answer).errorClass).toBe(streamError.errorClass);
      });
    }

    test('fails on an empty answer and on an HTML page', async () => {
      for (const body of ['', '<html><head><title>Welcome</title></head></html>']) {
        const answer = await answered({ headers: { 'content-type': 'text/html' }, body });
        expect(answer.order).not.toContain('finish');
        expect(CUT_CLASSES).toContain(providerErrorOf(answer).errorClass);
      }
    });

    test('says that nobody listens before anything has started', async () => {
      const answer = await ask(await refusingUrl());
      expect(answer.order).toEqual([]);
      const error = providerErrorOf(answer);
      expect({ class: error.errorClass, code: error.code }).toEqual({ class: ErrorClass.NETWORK, code: 'ECONNREFUSED' });
    });

    test('ends the upstream request when it is aborted before the answer', async () => {
      const own = await mockUpstream({ silent: true });
      const abort = new AbortController();
      const reason = new Error('the caller went away');
      const answer = ask(own.url, abort.signal);
      const request = await own.nextRequest();
      abort.abort(reason);
      expect((await answer).error).toBe(reason);
      expect(await request.closed).toBe('aborted');
      await own.close();
    });

    test('ends the upstream request when it is aborted in the middle', async () => {
      const { request, events, close } = await held();
      const abort = new AbortController();
      const seen: string[] = [];
      const reading = (async () => {
        for await (const event of events(abort.signal)) {
          seen.push(event.$case);
          if (event.$case !== 'started') abort.abort();
        }
      })();
      const error: unknown = await reading.catch((thrown: unknown) => thrown);
      // With what the provider had reported by then, where it had.
      expect(error instanceof ProviderError && error.usage !== undefined ? error.cause : error).toBe(abort.signal.reason);
      expect(seen).not.toContain('finish');
      expect(await (await request).closed).toBe('aborted');
      await close();
    });

    test('ends the upstream request when its reader leaves', async () => {
      const { request, events, close } = await held();
      for await (const event of events(new AbortController().signal)) if (event.$case !== 'started') break;
      expect(await (await request).closed).toBe('aborted');
      await close();
    });

    test('ends the upstream request when its reader leaves before the answer', async () => {
      const own = await mockUpstream({ silent: true });
      const received = own.nextRequest();
      for await (const event of provider.generate(requestTo(own.url), { signal: new AbortController().signal })) {
        expect(event.$case).toBe('started');
        await received;
        break;
      }
      expect(await (await received).closed).toBe('aborted');
      await own.close();
    });

    test('sends the key in a header and tells it to nobody', async () => {
      const spies = [vi.spyOn(process.stdout, 'write'), vi.spyOn(process.stderr, 'write')];
      const said = JSON.stringify({ error: { type: 'invalid_request_error', code: `bad-${key}`, message: `The key ${key} (${key.slice(0, 12)}) is wrong` } });
      const answers = [
        await answered(fixtures.text.answer),
        await answered({ status: 401, headers: { 'content-type': 'application/json' }, body: said }),
        await answered({ status: 500, body: `panic: ${key}` }),
        await answered({ body: `{"broken": "${key}" x` }),
        await answered({ ...fixtures.text.answer, body: fixtures.text.answer.body.subarray(0, 40), ending: 'cut' }),
        await ask(await refusingUrl()),
      ];
      mock.answer({ status: 401, headers: { 'content-type': 'application/json' }, body: said });
      const verdict = await check(mock.url);
      const told = inspect([answers, verdict, spies.flatMap((spy) => spy.mock.calls)], { depth: 12, showHidden: true, maxStringLength: null, maxArrayLength: null });
      for (const spy of spies) spy.mockRestore();
      expect(told).not.toContain(key.slice(0, 10));
      const asked = mock.requests.map((request) => request.path + request.body).join('\n');
      expect(asked).not.toContain(key);
      if (provider.manifest.key?.required === true) expect(JSON.stringify(mock.requests.map((request) => request.headers))).toContain(key);
    });

    if (provider.manifest.key?.required === true) {
      test('checks a key: taken, refused, or not to be asked', async () => {
        mock.answer({ status: 401 });
        expect((await check(mock.url)).verdict).toBe(Verdict.INVALID);
        mock.answer({ status: 503 });
        expect((await check(mock.url)).verdict).toBe(Verdict.UNKNOWN);
        expect((await check(await refusingUrl())).verdict).toBe(Verdict.UNKNOWN);
      });
    }

    /** An answer that stops after its first half and stays open. */
    async function held() {
      const { answer } = fixtures?.text ?? {};
      const body = answer?.body ?? Buffer.alloc(0);
      const own = await mockUpstream({ ...answer, body: body.subarray(0, Math.floor(body.length * 0.6)), ending: 'hold' });
      return {
        request: own.nextRequest(),
        events: (signal: AbortSignal) => provider.generate(requestTo(own.url), { signal }),
        close: () => own.close(),
      };
    }
  });
}
