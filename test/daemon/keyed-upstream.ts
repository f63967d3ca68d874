import { onTestFinished } from 'vitest';
import { mockUpstream, type MockAnswer, type MockRequest, type MockUpstream } from '../mock-upstream.ts';

export const KEY = 'sk-proj-0123456789abcdefghijklmnop-GOOD';
export const OTHER_KEY = 'sk-proj-9876543210zyxwvutsrqponmlk-WORK';

export interface KeyedUpstream extends MockUpstream {
  /** What it answers to each key. 200 takes it; a key that does not stand here gets 401. */
  readonly statuses: Map<string, number>;
  /** The keys that were sent with requests to this path, in order. */
  keysAt(path: string): readonly string[];
}

const keyOf = ({ headers }: MockRequest): string => headers.authorization?.replace(/^Bearer /, '') ?? '';

const REFUSALS: Readonly<Record<number, { message: string; code: string }>> = {
  401: { message: 'Incorrect API key provided', code: 'invalid_api_key' },
  402: { message: 'no money is left', code: 'payment_required' },
  403: { message: 'your plan does not have this model', code: 'forbidden' },
  429: { message: 'too many requests in this minute', code: 'rate_limit_exceeded' },
};

const json = (body: unknown, status = 200): MockAnswer => ({ status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

const chunk = (delta: object, finish_reason: string | null): string => `data: ${JSON.stringify({ id: 'c', model: 'm', choices: [{ index: 0, delta, finish_reason }] })}\n\n`;

function answerTo(path: string): MockAnswer {
  if (path.endsWith('/chat/completions')) return { headers: { 'content-type': 'text/event-stream' }, body: [chunk({ content: 'hello' }, null), chunk({}, 'stop'), 'data: [DONE]\n\n'] };
  if (path.endsWith('/embeddings')) return json({ data: [{ index: 0, embedding: [0.5, 0.25] }], model: 'm' });
  if (path.includes('/tokens/verify')) return json({ success: true, result: { status: 'active' } });
  if (path.includes('/ai/models/search')) return json({ success: true, result: [] });
  return json({ data: [{ id: 'gpt-4o' }] });
}

/** A provider on a real socket that knows its keys. */
export async function keyedUpstream(statuses: Readonly<Record<string, number>> = { [KEY]: 200, [OTHER_KEY]: 200 }): Promise<KeyedUpstream> {
  const known = new Map(Object.entries(statuses));
  const upstream = await mockUpstream((request) => {
    const status = known.get(keyOf(request)) ?? 401;
    if (status === 200) return answerTo(request.path);
    return json({ error: REFUSALS[status] ?? { message: 'the server failed', code: 'server_error' } }, status);
  });
  onTestFinished(() => upstream.close());
  return { ...upstream, statuses: known, keysAt: (path) => upstream.requests.filter((request) => request.path.startsWith(path)).map(keyOf) };
}
