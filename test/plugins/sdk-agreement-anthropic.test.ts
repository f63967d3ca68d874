import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Anthropic, { APIError } from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { anthropic } from '../../src/plugins/anthropic.ts';
import { collectAnswer, providerErrorOf, type CollectedAnswer } from '../collect-answer.ts';
import { generateRequest } from '../generate-request.ts';
import { mockUpstream, type MockUpstream } from '../mock-upstream.ts';

/** What both readers have to agree on. */
interface Reading {
  readonly text: string;
  readonly thoughts: readonly { readonly text: string; readonly signature: string; readonly redacted: string }[];
  readonly toolCalls: readonly { readonly id: string; readonly name: string; readonly input: unknown }[];
  readonly stopReason: string;
  readonly model: string;
  readonly usage: { readonly input: number; readonly output: number; readonly cacheRead: number; readonly cacheCreation: number };
}

const OWN = fileURLToPath(new URL('../fixtures/anthropic/', import.meta.url));
const RECORDED = fileURLToPath(new URL('../../../shared/fixtures/anthropic/', import.meta.url));

const answersIn = (directory: string, file: RegExp): readonly { readonly name: string; readonly bytes: Buffer }[] =>
  existsSync(directory) ? readdirSync(directory).flatMap((name) => (file.test(name) ? [{ name, bytes: readFileSync(join(directory, name)) }] : [])) : [];

// The SDK cannot read an answer that counts nothing.
const all = [...answersIn(OWN, /^(?!without-usage).*\.sse$/), ...answersIn(RECORDED, /\.response\.sse$/)];
const broken = all.filter(({ bytes }) => bytes.includes('event: error'));
const whole = all.filter((answer) => !broken.includes(answer));
const question = { model: 'claude-haiku-4-5', max_tokens: 100, messages: [{ role: 'user', content: 'Hello' }] } satisfies Anthropic.MessageCreateParams;

async function readWithSdk(client: Anthropic): Promise<Reading> {
  const { content, stop_reason, model, usage } = await client.messages.stream(question).finalMessage();
  const cacheRead = usage.cache_read_input_tokens ?? 0;
  const cacheCreation = usage.cache_creation_input_tokens ?? 0;
  return {
    text: content.map((block) => (block.type === 'text' ? block.text : '')).join(''),
    thoughts: content.flatMap((block) => {
      if (block.type === 'thinking') return [{ text: block.thinking, signature: block.signature, redacted: '' }];
      return block.type === 'redacted_thinking' ? [{ text: '', signature: '', redacted: block.data }] : [];
    }),
    toolCalls: content.flatMap((block) => (block.type === 'tool_use' ? [{ id: block.id, name: block.name, input: block.input }] : [])),
    stopReason: stop_reason ?? '',
    model,
    // Ours includes what was cached.
    usage: { input: usage.input_tokens + cacheRead + cacheCreation, output: usage.output_tokens, cacheRead, cacheCreation },
  };
}

const readingOf = ({ text, parts, toolCalls, finish }: CollectedAnswer): Reading => ({
  text,
  thoughts: parts.flatMap((part) => (part.kind === 'reasoning' ? [{ text: part.text, signature: part.signature ?? '', redacted: part.redactedData?.toString('utf8') ?? '' }] : [])),
  toolCalls: toolCalls.map((call) => ({ id: call.id, name: call.name, input: JSON.parse(call.arguments) as unknown })),
  stopReason: finish?.rawFinishReason ?? '',
  model: finish?.responseModel ?? '',
  usage: {
    input: Number(finish?.usage?.inputTokens),
    output: Number(finish?.usage?.outputTokens),
    cacheRead: Number(finish?.usage?.cacheReadInputTokens ?? 0),
    cacheCreation: Number(finish?.usage?.cacheCreationInputTokens ?? 0),
  },
});

describe("Anthropic's own SDK", () => {
  let mock: MockUpstream;
  beforeAll(async () => {
    mock = await mockUpstream();
  });
  afterAll(() => mock.close());

  const client = (): Anthropic => new Anthropic({ apiKey: 'sk-ant-test', baseURL: mock.url, maxRetries: 0 });
  const readOurs = (): Promise<CollectedAnswer> => collectAnswer(anthropic.generate(generateRequest({ baseUrl: mock.url, key: 'sk-ant-test', model: question.model }), { signal: AbortSignal.timeout(15_000) }));

  test.each(whole)('reads the same as we do: $name', async ({ bytes }) => {
    mock.answer({ headers: { 'content-type': 'text/event-stream' }, body: bytes });
    const theirs = await readWithSdk(client());
    const ours = await readOurs();
    expect(ours.error).toBeUndefined();
    expect(readingOf(ours)).toEqual(theirs);
  });

  test.each(broken)('fails where we fail: $name', async ({ bytes }) => {
    mock.answer({ headers: { 'content-type': 'text/event-stream' }, body: bytes });
    const theirs: unknown = await readWithSdk(client()).catch((error: unknown) => error);
    const ours = providerErrorOf(await readOurs());
    expect(theirs).toBeInstanceOf(APIError);
    expect(String(theirs)).toContain(ours.message);
  });

  test('asks where we ask', async () => {
    const [answer] = whole;
    mock.answer({ headers: { 'content-type': 'text/event-stream' }, body: answer?.bytes ?? '' });
    const before = mock.requests.length;
    await readWithSdk(client());
    await readOurs();
    const [theirs, ours] = mock.requests.slice(before);
    expect([ours?.method, ours?.path, ours?.headers['content-type']]).toEqual([theirs?.method, theirs?.path, theirs?.headers['content-type']]);
    expect(ours?.json()).toMatchObject({ model: question.model, stream: true, messages: [{ role: 'user' }] });
  });
});
