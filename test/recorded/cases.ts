import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface ExpectedCall {
  /** null: the provider gave none, so the daemon makes one. */
  readonly id: string | null;
  readonly name: string;
  readonly arguments: unknown;
  readonly arguments_raw: string;
  readonly arguments_valid_json: boolean;
}

/** Token counts as the provider means them. null: not said. */
export interface ExpectedUsage {
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly cached_input_tokens: number | null;
  readonly cache_write_tokens: number | null;
  readonly reasoning_tokens: number | null;
}

export interface ExpectedError {
  readonly class: string;
  readonly retryable: boolean;
  readonly type: string | null;
  readonly code: string | number | null;
  readonly message: string | null;
  readonly message_contains?: readonly string[];
  readonly retry_after_s?: number | null;
}

export interface ExpectedModel {
  /** The id as it is asked. */
  readonly bare_id: string;
  readonly context_length: number | null;
  readonly max_output_tokens: number | null;
}

/** What a right reader makes of an answer (SOURCES.md, "Files of a case"). */
export interface Expectation {
  readonly api: string;
  readonly outcome: 'ok' | 'http_error' | 'body_error' | 'stream_error' | 'truncated';
  readonly http_status: number;
  readonly stream: boolean;
  readonly model: string | null;
  readonly text: string;
  readonly reasoning: string;
  readonly refusal: string | null;
  readonly tool_calls: readonly ExpectedCall[];
  readonly finish_reason: string | null;
  readonly native_finish_reason: string | null;
  readonly finish_common: string | null;
  readonly usage: ExpectedUsage | null;
  readonly usage_semantics: string | null;
  readonly usage_total_check?: string;
  readonly usage_raw: unknown;
  readonly error: ExpectedError | null;
  readonly extra?: { readonly raw_reasoning_text?: string };
  /** Only of a list of models. */
  readonly models?: readonly ExpectedModel[];
  readonly cut_offsets?: readonly number[];
}

export interface RecordedCase {
  /** The provider's folder. */
  readonly folder: string;
  readonly name: string;
  readonly kinds: readonly string[];
  readonly expected: Expectation;
  /** The model that the recorded request asked; undefined when the request is not known. */
  readonly askedModel: string | undefined;
  /** The answer's body; undefined when there is none. */
  readonly file: string | undefined;
  /** Its length. */
  readonly bytes: number;
}

const FOLDERS = ['ollama', 'together', 'cloudflare', 'openrouter', 'openai', 'anthropic', 'google', 'groq', 'mistral', 'deepseek', 'xai', 'azure', 'generic'];

const ROOT = fileURLToPath(new URL('../../../shared/fixtures/', import.meta.url));
const BODY = /\.response\.(?:sse|ndjson|json|txt|html)$/;

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

function readCase(folder: string, name: string, files: readonly string[]): RecordedCase {
  const path = (ending: string): string => join(ROOT, folder, `${name}.${ending}`);
  const request = files.includes(`${name}.request.json`) ? (readJson(path('request.json')) as { model?: string }) : undefined;
  const body = files.find((file) => file.startsWith(`${name}.response.`) && BODY.test(file));
  return {
    folder,
    name,
    kinds: (readJson(path('http.json')) as { kinds: string[] }).kinds,
    expected: readJson(path('expect.json')) as Expectation,
    askedModel: request?.model,
    file: body === undefined ? undefined : join(ROOT, folder, body),
    bytes: body === undefined ? 0 : readFileSync(join(ROOT, folder, body)).length,
  };
}

function casesOf(folder: string): readonly RecordedCase[] {
  const directory = join(ROOT, folder);
  if (!existsSync(directory)) return [];
  const files = readdirSync(directory);
  return files.flatMap((file) => (file.endsWith('.expect.json') ? [readCase(folder, file.slice(0, -'.expect.json'.length), files)] : []));
}

/** What was billed, in the common meaning: output with its reasoning, input with its cache. */
export function billed({ usage, usage_total_check: total, usage_semantics: semantics }: Expectation): { input: bigint | undefined; output: bigint | undefined } {
  if (usage === null) return { input: undefined, output: undefined };
  const output = usage.output_tokens === null ? undefined : BigInt(usage.output_tokens + (total === 'input+output+reasoning' ? (usage.reasoning_tokens ?? 0) : 0));
  const isApart = semantics?.includes('input EXCLUDES cache') === true;
  const input = usage.input_tokens === null ? undefined : BigInt(usage.input_tokens + (isApart ? (usage.cached_input_tokens ?? 0) + (usage.cache_write_tokens ?? 0) : 0));
  return { input, output };
}

const isList = ({ expected }: RecordedCase): boolean => expected.api === 'list_models';

/** Reads the recorded answers that lie beside the repository. None when they do not. */
export const readCases = (): readonly RecordedCase[] => FOLDERS.flatMap(casesOf).filter((recorded) => !isList(recorded));

/** Reads the recorded lists of models. */
export const readLists = (): readonly RecordedCase[] => FOLDERS.flatMap(casesOf).filter(isList);
