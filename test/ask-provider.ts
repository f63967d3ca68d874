import type { Provider } from '../src/plugins/provider.ts';
import { collectAnswer, type CollectedAnswer } from './collect-answer.ts';
import { generateRequest, type RequestOptions } from './generate-request.ts';
import { mockUpstream, type MockAnswer, type MockRequest } from './mock-upstream.ts';

/** What a provider was asked by a request, and the answer that came of it. */
export interface Asked {
  /** The requests that reached the provider. */
  readonly requests: readonly MockRequest[];
  /** The first request's body, parsed. */
  readonly body: unknown;
  readonly answer: CollectedAnswer;
}

/** Sends one request through a plugin to a mock that answers it. */
export async function askProvider(provider: Provider, answer: MockAnswer, options: Partial<RequestOptions> = {}): Promise<Asked> {
  await using mock = await mockUpstream(answer);
  const defaults = Object.fromEntries(provider.manifest.settings.filter((setting) => setting.defaultValue !== '').map((setting) => [setting.name, setting.defaultValue]));
  const request = generateRequest({ baseUrl: mock.url, key: 'sk-test', ...options, settings: { ...defaults, ...options.settings } });
  const collected = await collectAnswer(provider.generate(request, { signal: AbortSignal.timeout(15_000) }));
  const [first] = mock.requests;
  return { requests: [...mock.requests], body: first === undefined ? undefined : first.json(), answer: collected };
}

/** An SSE answer of these events; objects are written as JSON. */
export const sse = (...events: readonly unknown[]): MockAnswer => ({
  headers: { 'content-type': 'text/event-stream' },
  body: events.map((event) => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`).join(''),
});

/** A chunk of the OpenAI dialect. */
export const chunk = (delta: unknown, finishReason: string | null = null, more: Readonly<Record<string, unknown>> = {}): unknown => ({
  choices: [{ index: 0, delta, finish_reason: finishReason }],
  ...more,
});
