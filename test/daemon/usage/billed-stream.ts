/** One write of an answer. */
export interface Piece {
  readonly wire: string;
  /** The text that it shows. */
  readonly text: string;
  /** What the provider would bill as output if the answer ended behind it. */
  readonly outputTokens: number;
}

/** An answer of one dialect, with what its provider bills. */
export interface BilledStream {
  /** The instance's name. */
  readonly name: string;
  readonly type: string;
  readonly model: string;
  readonly settings?: Readonly<Record<string, string>>;
  readonly contentType: string;
  /** Whether it is billed to its end, whoever hangs up. */
  readonly billsOn: boolean;
  readonly pieces: readonly Piece[];
  readonly inputTokens: number;
  /** Of those. */
  readonly cachedTokens: number;
  /** Of the whole answer. */
  readonly outputTokens: number;
}

/** 48 words, some of which are many tokens. */
const WORDS = 'The toll of a gate 門 is paid once, whoever walks on — Grüße 👋🏽 an alle, incomprehensibilities included. We count what came: bread 2.50, wine 13.75, {"a":[1,2]} and no more; 今日は or до свидания, then on to the next one along antidisestablishmentarianism avenue, slowly, until dawn. So it ends here.'.split(/(?= )/);
/** The provider's tokenizer: four characters, or one that is not of ASCII. */
const tokensOf = (word: string): number => Array.from(word).reduce((tokens, letter) => tokens + (letter.charCodeAt(0) > 127 ? 1 : 0.25), 0);
const THOUGHTS = 64;
const INPUT = 40;

const data = (body: object): string => `data: ${JSON.stringify(body)}\n\n`;
const named = (body: Readonly<Record<string, unknown>> & { readonly type: string }): string => `event: ${body.type}\n${data(body)}`;

interface Wire {
  readonly before: readonly string[];
  /** What those say of the output. */
  readonly said?: number;
  word(text: string, outputTokens: number): string;
  after(outputTokens: number): readonly string[];
}

/** `hidden`: output that is billed from the first word on and cannot be seen. */
function streamOf(fields: Pick<BilledStream, 'name' | 'type' | 'model' | 'billsOn'> & Partial<BilledStream>, wire: Wire, hidden = 0): BilledStream {
  let exact = hidden;
  const pieces: Piece[] = wire.before.map((each) => ({ wire: each, text: '', outputTokens: wire.said ?? 0 }));
  for (const text of WORDS) {
    exact += tokensOf(text);
    pieces.push({ wire: wire.word(text, Math.ceil(exact)), text, outputTokens: Math.ceil(exact) });
  }
  const outputTokens = Math.ceil(exact);
  pieces.push(...wire.after(outputTokens).map((each) => ({ wire: each, text: '', outputTokens })));
  return { contentType: 'text/event-stream', inputTokens: INPUT, cachedTokens: 0, ...fields, pieces, outputTokens };
}

const chunk = (delta: object, finish_reason: string | null = null): string => data({ id: 'c', model: 'm', choices: [{ index: 0, delta, finish_reason }] });
const chatUsage = (outputTokens: number): object => ({ prompt_tokens: INPUT, completion_tokens: outputTokens, total_tokens: INPUT + outputTokens });
const CHAT: Wire = {
  before: [chunk({ role: 'assistant', content: '' })],
  word: (content) => chunk({ content }),
  after: (outputTokens) => [chunk({}, 'stop'), data({ id: 'c', choices: [], usage: chatUsage(outputTokens) }), 'data: [DONE]\n\n'],
};

const RESPONSES: Wire = {
  before: [
    named({ type: 'response.created', response: { id: 'r', status: 'in_progress', model: 'gpt-5-mini', output: [], usage: null } }),
    named({ type: 'response.output_item.added', output_index: 0, item: { id: 'm', type: 'message', status: 'in_progress', role: 'assistant', content: [] } }),
  ],
  word: (delta) => named({ type: 'response.output_text.delta', item_id: 'm', output_index: 0, content_index: 0, delta }),
  after: (outputTokens) => [
    named({ type: 'response.completed', response: { id: 'r', status: 'completed', model: 'gpt-5-mini', output: [], usage: { input_tokens: INPUT, output_tokens: outputTokens, output_tokens_details: { reasoning_tokens: THOUGHTS }, total_tokens: INPUT + outputTokens } } }),
  ],
};

const CACHED = 1000;
const ANTHROPIC: Wire = {
  said: 1,
  before: [
    named({ type: 'message_start', message: { id: 'm', type: 'message', role: 'assistant', model: 'claude-haiku-4-5', content: [], usage: { input_tokens: INPUT, cache_read_input_tokens: CACHED, cache_creation_input_tokens: 0, output_tokens: 1 } } }),
    named({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
  ],
  word: (text) => named({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }),
  after: (outputTokens) => [
    named({ type: 'content_block_stop', index: 0 }),
    named({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: outputTokens } }),
    named({ type: 'message_stop' }),
  ],
};

const gemini = (text: string, outputTokens: number, more: object = {}): string =>
  data({ candidates: [{ content: { parts: [{ text }], role: 'model' }, index: 0, ...more }], usageMetadata: { promptTokenCount: INPUT, candidatesTokenCount: outputTokens - THOUGHTS, thoughtsTokenCount: THOUGHTS, totalTokenCount: INPUT + outputTokens }, modelVersion: 'gemini-2.5-flash' });
const GOOGLE: Wire = { before: [], word: gemini, after: (outputTokens) => [gemini('', outputTokens, { finishReason: 'STOP' })] };

const line = (body: object): string => `${JSON.stringify({ model: 'llama3.2:3b', ...body })}\n`;
const OLLAMA: Wire = {
  before: [],
  word: (content) => line({ message: { role: 'assistant', content }, done: false }),
  after: (outputTokens) => [line({ message: { role: 'assistant', content: '' }, done: true, done_reason: 'stop', prompt_eval_count: INPUT, eval_count: outputTokens })],
};

/** One answer of each dialect, from providers that bill until somebody hangs up, that bill on, and of which nobody knows. */
export const BILLED_STREAMS: readonly BilledStream[] = [
  streamOf({ name: 'openai', type: 'openai', model: 'gpt-4.1-mini', billsOn: false }, CHAT),
  streamOf({ name: 'reasoner', type: 'openai', model: 'gpt-5-mini', billsOn: false }, RESPONSES, THOUGHTS),
  streamOf({ name: 'anthropic', type: 'anthropic', model: 'claude-haiku-4-5', billsOn: false, inputTokens: INPUT + CACHED, cachedTokens: CACHED }, ANTHROPIC),
  streamOf({ name: 'google', type: 'google', model: 'gemini-2.5-flash', billsOn: true }, GOOGLE, THOUGHTS),
  streamOf({ name: 'groq', type: 'groq', model: 'openai/gpt-oss-120b', billsOn: true }, CHAT),
  streamOf({ name: 'ollama', type: 'ollama', model: 'llama3.2:3b', billsOn: false, contentType: 'application/x-ndjson' }, OLLAMA),
  streamOf({ name: 'other', type: 'openai-compatible', model: 'm', billsOn: false }, CHAT),
];
