import type { MockAnswer } from '../../mock-upstream.ts';

const EVENTS = { 'content-type': 'text/event-stream' };
const json = (body: unknown): string => JSON.stringify(body);

export const chunk = (content: string, finishReason: string | null = null): string =>
  `data: ${json({ id: 'c', model: 'm', choices: [{ index: 0, delta: content === '' ? {} : { content }, finish_reason: finishReason }] })}\n\n`;

/** A whole answer of OpenAI's chat completions. */
export const whole = (...words: readonly string[]): MockAnswer => ({ headers: EVENTS, body: [...words.map((word) => chunk(word)), chunk('', 'stop'), 'data: [DONE]\n\n'] });

/** An answer that begins, and then does what `rest` says. */
export const begun = (words: readonly string[], rest: Pick<MockAnswer, 'ending'> & { readonly last?: string }): MockAnswer => ({
  headers: EVENTS,
  body: [...words.map((word) => chunk(word)), ...(rest.last === undefined ? [] : [rest.last])],
  ...(rest.ending === undefined ? {} : { ending: rest.ending }),
});

export const errorEvent = `data: ${json({ error: { message: 'the server is overloaded', type: 'server_error', code: 'server_overloaded' } })}\n\n`;

export const refusal = (status: number, error: object = {}, headers: Readonly<Record<string, string>> = {}): MockAnswer => ({ status, headers: { 'content-type': 'application/json', ...headers }, body: json({ error: { message: `HTTP ${status}`, ...error } }) });
