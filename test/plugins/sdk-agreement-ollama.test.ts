import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ollama } from 'ollama';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ollama } from '../../src/plugins/ollama.ts';
import { collectAnswer, providerErrorOf, type CollectedAnswer } from '../collect-answer.ts';
import { generateRequest } from '../generate-request.ts';
import { mockUpstream, type MockUpstream } from '../mock-upstream.ts';

/** What both readers have to agree on. */
interface Reading {
  readonly text: string;
  readonly reasoning: string;
  readonly toolCalls: readonly { readonly name: string; readonly arguments: unknown }[];
  readonly finish: string | undefined;
  readonly model: string;
  readonly usage: { readonly input: number | undefined; readonly output: number | undefined };
}

const OWN = fileURLToPath(new URL('../fixtures/ollama/', import.meta.url));
const RECORDED = fileURLToPath(new URL('../../../shared/fixtures/ollama/', import.meta.url));

const answersIn = (directory: string, file: RegExp): readonly { readonly name: string; readonly bytes: Buffer }[] =>
  existsSync(directory) ? readdirSync(directory).flatMap((name) => (file.test(name) ? [{ name, bytes: readFileSync(join(directory, name)) }] : [])) : [];

const all = [...answersIn(OWN, /\.ndjson$/), ...answersIn(RECORDED, /^native-.*\.response\.(?:ndjson|json)$/)];
const broken = all.filter(({ bytes }) => bytes.includes('{"error":'));
const whole = all.filter((answer) => !broken.includes(answer));
const question = { model: 'llama3.2:3b', messages: [{ role: 'user', content: 'Hello' }] };

async function readWithSdk(client: Ollama): Promise<Reading> {
  let text = '';
  let reasoning = '';
  const toolCalls: Reading['toolCalls'][number][] = [];
  let last: { done_reason?: string; model?: string; prompt_eval_count?: number; eval_count?: number } = {};
  for await (const line of await client.chat({ ...question, stream: true })) {
    // Older servers leave the message out of the last line.
    const message: Partial<typeof line.message> | undefined = line.message;
    text += message?.content ?? '';
    reasoning += message?.thinking ?? '';
    for (const call of message?.tool_calls ?? []) toolCalls.push({ name: call.function.name, arguments: call.function.arguments });
    last = line;
  }
  return { text, reasoning, toolCalls, finish: last.done_reason, model: last.model ?? '', usage: { input: last.prompt_eval_count, output: last.eval_count } };
}

const count = (tokens: bigint | undefined): number | undefined => (tokens === undefined ? undefined : Number(tokens));

const readingOf = ({ text, reasoning, toolCalls, finish }: CollectedAnswer): Reading => ({
  text,
  reasoning,
  toolCalls: toolCalls.map((call) => ({ name: call.name, arguments: JSON.parse(call.arguments) as unknown })),
  finish: finish?.rawFinishReason || undefined,
  model: finish?.responseModel ?? '',
  usage: { input: count(finish?.usage?.inputTokens), output: count(finish?.usage?.outputTokens) },
});

describe("Ollama's own library", () => {
  let mock: MockUpstream;
  beforeAll(async () => {
    mock = await mockUpstream();
  });
  afterAll(() => mock.close());

  const client = (): Ollama => new Ollama({ host: mock.url });
  const readOurs = (): Promise<CollectedAnswer> => collectAnswer(ollama.generate(generateRequest({ baseUrl: mock.url, model: question.model }), { signal: AbortSignal.timeout(15_000) }));

  test.each(whole)('reads the same as we do: $name', async ({ bytes }) => {
    mock.answer({ headers: { 'content-type': 'application/x-ndjson' }, body: bytes });
    const theirs = await readWithSdk(client());
    const ours = await readOurs();
    expect(ours.error).toBeUndefined();
    expect(readingOf(ours)).toEqual(theirs);
  });

  test.each(broken)('fails where we fail: $name', async ({ bytes }) => {
    mock.answer({ headers: { 'content-type': 'application/x-ndjson' }, body: bytes });
    const { message } = providerErrorOf(await readOurs());
    await expect(readWithSdk(client())).rejects.toThrow(message);
  });

  test('asks where we ask', async () => {
    mock.answer({ body: whole[0]?.bytes ?? '' });
    const before = mock.requests.length;
    await readWithSdk(client());
    await readOurs();
    const [theirs, ours] = mock.requests.slice(before);
    expect([ours?.method, ours?.path]).toEqual([theirs?.method, theirs?.path]);
    expect(ours?.json()).toMatchObject({ ...question, stream: true });
  });
});
