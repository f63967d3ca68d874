import type { IncomingHttpHeaders } from 'node:http';
import { pipeline, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import type { Agent, Dispatcher } from 'undici';
import { ErrorClass, ProviderError } from '../provider.ts';
import { HttpBody } from './http-body.ts';
import { isTooHeavy } from './json-weight.ts';
import { answerError, type AnswerErrorContext } from './provider-answer-error.ts';
import { readErrorText } from './read-error-text.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body?: string;
  readonly signal: AbortSignal;
}

/** What the provider answered. */
export interface Answer {
  readonly status: number;
  /** Names in lower case; the first of repeated ones. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Buffer>;
}

/** A request whose connection was accepted. */
export interface Exchange {
  /** Resolves with the headers; throws when the connection breaks first. */
  answer(): Promise<Answer>;
  /**
   * Ends the request, whatever has come of its answer, and with it the connection. Does nothing once the answer has come to its end; where it `isOver` but
   * for that, the connection has 250 ms to come to it, and serves the next request then.
   */
  close(isOver?: boolean): void;
}

/** The most bytes of an answer that comes as one JSON body. */
const MAX_JSON_BYTES = 32 * 1024 * 1024;

let shared: Promise<Agent> | undefined;

/** One pool for all providers. Time limits are the caller's: its signal ends the request. */
const agent = (): Promise<Agent> =>
  (shared ??= import('undici').then(
    (undici) => new undici.Agent({ allowH2: false, headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 60_000 }, maxHeaderSize: 64 * 1024 }),
  ));

/** Loads the HTTP client, so that the first request need not wait for it. */
export const prepareHttp = async (): Promise<void> => void (await agent());

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/** The innermost code: a failed connection to several addresses hides it in an AggregateError. */
const causeCodeOf = (error: unknown): string | undefined =>
  codeOf(error) ?? (error instanceof AggregateError ? error.errors.map(codeOf).find((code) => code !== undefined) : undefined);

function networkError(error: unknown, url: string, stage: 'connecting' | 'waiting'): ProviderError {
  const code = causeCodeOf(error);
  if (code === 'UND_ERR_INVALID_ARG') {
    return new ProviderError(ErrorClass.AUTH, 'the key or a setting holds characters that cannot be sent in an HTTP header', { code });
  }
  const { host } = new URL(url);
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return new ProviderError(ErrorClass.INVALID_RESPONSE, `${host} answers with more headers than any provider has`, { code });
  if (error instanceof Error && error.name === 'HTTPParserError') {
    // The parser's own error is left out: it holds what was sent.
    return new ProviderError(ErrorClass.INVALID_RESPONSE, `${host} answers with something that is no HTTP/1.1: is base_url right?`, { code });
  }
  const what = stage === 'connecting' ? `cannot reach ${host}` : `${host} broke the connection before it answered`;
  return new ProviderError(ErrorClass.NETWORK, `${what}${code === undefined ? '' : ` (${code})`}`, { code, cause: error });
}

function headerRecord(raw: Readonly<Record<string, string | string[] | undefined>>): Readonly<Record<string, string>> {
  const headers: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(raw)) {
    const first = Array.isArray(value) ? value[0] : value;
    if (first !== undefined) headers[name.toLowerCase()] = first;
  }
  return headers;
}

/** How long a server may keep a connection open behind the end of an answer: closing it costs the next request a new one. */
const CLOSING_TIME_MS = 250;

/** Receives one answer with back-pressure: what is not read stays in the socket. */
class AnswerHandler implements Dispatcher.DispatchHandler {
  readonly accepted = Promise.withResolvers<void>();
  readonly answered = Promise.withResolvers<Answer>();
  readonly #body: HttpBody;
  readonly #signal: AbortSignal;
  readonly #onAbort = (): void => this.#abort(abortError(this.#signal));
  #controller: Dispatcher.DispatchController | undefined;
  #state: 'waiting' | 'answering' | 'over' = 'waiting';
  #lingering: NodeJS.Timeout | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    this.#body = new HttpBody({ onRoom: () => this.#controller?.resume(), onLeave: () => this.leave(true) });
    // A break is told by these when somebody reads them; nobody reading must not end the process.
    this.accepted.promise.catch(() => {});
    this.answered.promise.catch(() => {});
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#state === 'over') controller.abort(abortError(this.#signal));
    else this.accepted.resolve();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return;
    this.#state = 'answering';
    this.answered.resolve({ status, headers: headerRecord(headers), body: this.#body });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#body.push(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    this.#over();
    this.#body.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#over();
    this.accepted.reject(error);
    this.answered.reject(error);
    this.#body.end(brokenBody(error, this.#signal));
  }

  leave(isOver: boolean): void {
    if (this.#state !== 'answering' || !isOver) return this.discard();
    this.#body.leave();
    this.#lingering ??= setTimeout(() => this.discard(), CLOSING_TIME_MS).unref();
  }

  /** Closes the connection of an answer that nobody will read. */
  discard(): void {
    if (this.#state !== 'over') this.#abort(new Error('the answer is no longer wanted'));
  }

  #abort(reason: Error): void {
    if (this.#state === 'over') return;
    this.#over();
    if (this.#controller === undefined) this.accepted.reject(reason);
    else this.#controller.abort(reason);
  }

  #over(): void {
    this.#state = 'over';
    clearTimeout(this.#lingering);
    this.#signal.removeEventListener('abort', this.#onAbort);
  }
}

const abortError = (signal: AbortSignal): Error =>
  signal.reason instanceof Error ? signal.reason : new Error('the request was given up', { cause: signal.reason });

interface Target {
  readonly origin: string;
  readonly path: string;
}

/** The addresses that were asked last: a provider has a handful. */
const targets = new Map<string, Target>();
const MAX_TARGETS = 256;

function targetOf(url: string): Target {
  let target = targets.get(url);
  if (target === undefined) {
    const { origin, pathname, search } = new URL(url);
    target = { origin, path: pathname + search };
    if (targets.size >= MAX_TARGETS) targets.clear();
    targets.set(url, target);
  }
  return target;
}

/** Sends a request. Resolves once the provider accepted the connection; throws a NETWORK error when it did not. */
export async function send(request: HttpRequest): Promise<Exchange> {
  const { signal, url, body } = request;
  signal.throwIfAborted();
  const { origin, path } = targetOf(url);
  const dispatcher = await agent();
  const handler = new AnswerHandler(signal);
  const fail = (error: unknown, stage: 'connecting' | 'waiting'): Error => (signal.aborted ? abortError(signal) : networkError(error, url, stage));
  const headers = {
    accept: 'application/json, text/event-stream',
    'accept-encoding': 'identity',
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...request.headers,
  };
  try {
    dispatcher.dispatch({ origin, path, method: request.method, headers, body: body ?? null }, handler);
    await handler.accepted.promise;
  } catch (error) {
    throw fail(error, 'connecting');
  }
  return {
    async answer() {
      const answer = await handler.answered.promise.catch((error: unknown) => {
        throw fail(error, 'waiting');
      });
      try {
        return { ...answer, body: decode(answer, signal) };
      } catch (error) {
        handler.discard();
        throw error;
      }
    },
    close: (isOver = false) => handler.leave(isOver),
  };
}

const DECODERS: ReadonlyMap<string, () => Transform> = new Map<string, () => Transform>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
  ['zstd', createZstdDecompress],
]);

/** We ask for no encoding; some servers use one all the same. */
function decode({ body, headers }: Answer, signal: AbortSignal): AsyncIterable<Buffer> {
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding === '' || encoding === 'identity') return body;
  const decoder = DECODERS.get(encoding)?.();
  if (decoder === undefined) throw new ProviderError(ErrorClass.INVALID_RESPONSE, 'the answer comes in an encoding that nobody asked for');
  return wholeBody(pipeline(body, decoder, () => {}), signal);
}

const brokenBody = (error: unknown, signal: AbortSignal): Error =>
  signal.aborted ? abortError(signal) : new ProviderError(ErrorClass.TRUNCATED, 'the connection broke before the end of the answer', { code: causeCodeOf(error), cause: error });

/** Decoding breaks too: in the middle of a packed answer, or where its bytes are no packed ones. */
async function* wholeBody(body: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    yield* body;
  } catch (error) {
    throw error instanceof ProviderError ? error : brokenBody(error, signal);
  }
}

/** Reads a body to its end as text; undefined when it has more than `maxBytes`. */
export async function readText(answer: Pick<Answer, 'body'>, maxBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    size += chunk.length;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  // Unlike toString, this leaves out a byte order mark.
  return new TextDecoder().decode(Buffer.concat(chunks));
}

/** Throws the typed error of an answer that is not a success. */
export async function throwUnlessOk(answer: Answer, context: Pick<AnswerErrorContext, 'key' | 'codes'>): Promise<void> {
  if (answer.status >= 200 && answer.status < 300) return;
  if (answer.status < 400) {
    await readErrorText(answer);
    throw new ProviderError(ErrorClass.INVALID_RESPONSE, `the provider redirects elsewhere (HTTP ${answer.status}); redirects are not followed: set base_url to the final address`, { httpStatus: answer.status });
  }
  throw answerError(await readErrorText(answer), { ...context, status: answer.status, headers: answer.headers });
}

/** Asks for one JSON value. */
export async function fetchJson(request: HttpRequest, context: Pick<AnswerErrorContext, 'key' | 'codes'>): Promise<unknown> {
  const exchange = await send(request);
  try {
    const answer = await exchange.answer();
    await throwUnlessOk(answer, context);
    return parseWhole(await readJsonText(answer));
  } finally {
    exchange.close();
  }
}

/** Reads the text of an answer that is one JSON value. */
export async function readJsonText(answer: Pick<Answer, 'body'>, maxBytes = MAX_JSON_BYTES): Promise<string> {
  const text = await readText(answer, maxBytes);
  if (text === undefined) throw new ProviderError(ErrorClass.INVALID_RESPONSE, `the answer is larger than ${maxBytes} bytes`);
  return text;
}

/** Parses a body that is one JSON value. A body that stops in its middle is a cut answer. */
export function parseWhole(text: string): unknown {
  if (isTooHeavy(text)) throw new ProviderError(ErrorClass.INVALID_RESPONSE, 'the answer has more parts than any answer has');
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own error is left out: it quotes the answer.
    const looksCut = text.trim() === '' || (/^\s*[[{]/.test(text) && !/[\]}]\s*$/.test(text));
    throw new ProviderError(looksCut ? ErrorClass.TRUNCATED : ErrorClass.INVALID_RESPONSE, looksCut ? 'the answer ended before its end' : 'the answer is not JSON');
  }
}
