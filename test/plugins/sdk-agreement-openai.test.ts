import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FinishReason } from '../../src/gen/tollgate/v1/content.ts';
import { openai } from '../../src/plugins/openai.ts';
import type { TokenUsage } from '../../src/plugins/provider.ts';
import { collectAnswer, type CollectedAnswer } from '../collect-answer.ts';
import { generateRequest } from '../generate-request.ts';
import { mockUpstream, type MockUpstream } from '../mock-upstream.ts';

/** What both readers have to agree on. */
interface Reading {
  readonly text: string;
  readonly refusal: string;
  readonly reasoning: string;
  readonly toolCalls: readonly { readonly id: string; readonly name: string; readonly arguments: string }[];
  readonly finish: string;
  readonly model: string;
  readonly usage: { readonly input?: number | undefined; readonly output?: number | undefined; readonly cached?: number | undefined; readonly reasoning?: number | undefined };
}

interface Recording {
  readonly name: string;
  readonly api: 'chat' | 'responses';
  readonly bytes: Buffer;
}

const OWN = fileURLToPath(new URL('../fixtures/', import.meta.url));
const RECORDED = fileURLToPath(new URL('../../../shared/fixtures/', import.meta.url));
/** Others put counts, thoughts or tool calls where the SDK does not look for them. */
const CHAT_FOLDERS = ['openai', 'azure', 'deepseek', 'groq', 'openrouter'];
const RESPONSES_FOLDERS = ['openai', 'azure', 'deepseek', 'xai'];

const ownOf = (folder: string): readonly Recording[] =>
  ['text', 'tool-call', 'without-usage', 'responses-text', 'responses-tool-call', 'responses-reasoning', 'responses-without-usage'].flatMap((name) => {
    const path = join(OWN, folder, `${name}.sse`);
    return existsSync(path) ? [{ name: `${folder}/${name}`, api: name.startsWith('responses-') ? 'responses' : 'chat', bytes: readFileSync(path) } as const] : [];
  });

function recordedOf(folder: string, api: Recording['api']): readonly Recording[] {
  const directory = join(RECORDED, folder);
  if (!existsSync(directory)) return [];
  return readdirSync(directory).flatMap((file) => {
    const [, name] = /^(.*)\.response\.sse$/.exec(file) ?? [];
    if (name === undefined) return [];
    const expected = JSON.parse(readFileSync(join(directory, `${name}.expect.json`), 'utf8')) as { api: string; outcome: string };
    return expected.outcome === 'ok' && expected.api === `openai_${api}` ? [{ name: `recorded ${folder}/${name}`, api, bytes: readFileSync(join(directory, file)) }] : [];
  });
}

const recordings = [
  ...['openai', 'azure'].flatMap(ownOf),
  ...CHAT_FOLDERS.flatMap((folder) => recordedOf(folder, 'chat')),
  ...RESPONSES_FOLDERS.flatMap((folder) => recordedOf(folder, 'responses')),
];
const question = { model: 'gpt-4.1-mini', messages: [{ role: 'user', content: 'Hello' }] } satisfies OpenAI.ChatCompletionCreateParams;

async function readChatWithSdk(client: OpenAI): Promise<Reading> {
  const { choices, model, usage } = await client.chat.completions.stream(question).finalChatCompletion();
  const [choice] = choices;
  return {
    text: choice?.message.content ?? '',
    refusal: choice?.message.refusal ?? '',
    reasoning: '',
    toolCalls: (choice?.message.tool_calls ?? []).flatMap((call) => (call.type === 'function' ? [withObject({ id: call.id, name: call.function.name, arguments: call.function.arguments })] : [])),
    finish: choice?.finish_reason ?? '',
    model,
    usage: { input: usage?.prompt_tokens, output: usage?.completion_tokens, cached: usage?.prompt_tokens_details?.cached_tokens, reasoning: usage?.completion_tokens_details?.reasoning_tokens },
  };
}

async function readResponseWithSdk(client: OpenAI): Promise<Reading> {
  const response = await client.responses.stream({ model: 'gpt-5', input: 'Hello' }).finalResponse();
  const { output, usage } = response;
  const content = output.flatMap((item) => (item.type === 'message' ? item.content : []));
  return {
    text: content.map((piece) => (piece.type === 'output_text' ? piece.text : '')).join(''),
    refusal: content.map((piece) => (piece.type === 'refusal' ? piece.refusal : '')).join(''),
    reasoning: output.flatMap((item) => (item.type === 'reasoning' ? [...item.summary, ...(item.content ?? [])] : [])).map(({ text }) => text).join(''),
    toolCalls: output.flatMap((item) => (item.type === 'function_call' ? [withObject({ id: item.call_id, name: item.name, arguments: item.arguments })] : [])),
    finish: response.status ?? '',
    model: response.model,
    usage: { input: usage?.input_tokens, output: usage?.output_tokens, cached: usage?.input_tokens_details?.cached_tokens, reasoning: usage?.output_tokens_details?.reasoning_tokens },
  };
}

/** Empty arguments are an empty object: that is ours. */
const withObject = (call: Reading['toolCalls'][number]): Reading['toolCalls'][number] => ({ ...call, arguments: call.arguments === '' ? '{}' : call.arguments });

const count = (tokens: bigint | undefined): number | undefined => (tokens === undefined ? undefined : Number(tokens));

const usageOf = (usage: TokenUsage | undefined): Reading['usage'] => ({
  input: count(usage?.inputTokens),
  output: count(usage?.outputTokens),
  cached: count(usage?.cacheReadInputTokens),
  reasoning: count(usage?.reasoningOutputTokens),
});

const readingOf = ({ text, refusal, reasoning, toolCalls, finish }: CollectedAnswer, api: Recording['api']): Reading => ({
  text,
  refusal,
  // The SDK's chat completions have none.
  reasoning: api === 'chat' ? '' : reasoning,
  toolCalls,
  finish: finish?.rawFinishReason ?? '',
  model: finish?.responseModel ?? '',
  usage: usageOf(finish?.usage),
});

describe("OpenAI's own SDK", () => {
  let mock: MockUpstream;
  beforeAll(async () => {
    mock = await mockUpstream();
  });
  afterAll(() => mock.close());

  test.each(recordings)('reads the same as we do: $name', async ({ api, bytes }) => {
    mock.answer({ headers: { 'content-type': 'text/event-stream' }, body: bytes });
    const client = new OpenAI({ apiKey: 'sk-test', baseURL: mock.url, maxRetries: 0 });
    const theirs = await (api === 'chat' ? readChatWithSdk(client) : readResponseWithSdk(client));
    const ours = await collectAnswer(openai.generate(generateRequest({ baseUrl: mock.url, key: 'sk-test', settings: { api } }), { signal: AbortSignal.timeout(15_000) }));
    expect(ours.error).toBeUndefined();
    expect(readingOf(ours, api)).toEqual(theirs);
    expect(ours.finish?.finishReason === FinishReason.TOOL_CALL).toBe(theirs.toolCalls.length > 0);
  });
});
