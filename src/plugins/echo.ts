import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { CheckKeyResponse_Verdict as Verdict } from '../gen/tollgate/provider/v1/provider_service.ts';
import { FinishReason, Role } from '../gen/tollgate/v1/content.ts';
import { Parts } from './kit/parts.ts';
import { truncated } from './kit/provider-answer-error.ts';
import {
  ErrorClass,
  finish,
  ProviderError,
  started,
  unsupported,
  type CallContext,
  type GenerateRequest,
  type Manifest,
  type Provider,
  type ProviderErrorFields,
  type ProviderEvent,
} from './provider.ts';

/** Between two words of `slow`. */
const SLOW_MS = 100;
/** So many words leave without a turn of the event loop: a signal can fire and a reader can stop in between. */
const WORDS_A_TURN = 32;
const MAX_WORDS = 10_000_000;

/** Models that fail, each with the error that a provider of the network would give. */
const FAILURES: ReadonlyMap<string, readonly [ErrorClass, string, ProviderErrorFields]> = new Map<string, readonly [ErrorClass, string, ProviderErrorFields]>([
  ['fail-auth', [ErrorClass.AUTH, 'echo refuses every key', { httpStatus: 401, type: 'authentication_error' }]],
  ['fail-rate-limit', [ErrorClass.RATE_LIMIT, 'echo has had enough requests for now', { httpStatus: 429, type: 'rate_limit_error', retryAfterMs: 1000 }]],
  ['fail-overloaded', [ErrorClass.OVERLOADED, 'echo is full', { httpStatus: 529, type: 'overloaded_error' }]],
  ['fail-server', [ErrorClass.SERVER, 'echo has failed', { httpStatus: 500, type: 'api_error' }]],
  ['fail-filter', [ErrorClass.CONTENT_FILTER, 'echo does not repeat this', { httpStatus: 400, type: 'content_filter' }]],
]);

const MODELS: readonly (readonly [string, string])[] = [
  ['hello', 'greets, and says what Tollgate is'],
  ['say', 'says the last message back'],
  ['slow', `says it back, a word each ${SLOW_MS} ms`],
  ['tools', 'calls the first tool'],
  ['tokens-100', 'sends 100 words; any number up to ten million'],
  ['fail-truncated', 'breaks off in the middle'],
  ...[...FAILURES.keys()].map((model): readonly [string, string] => [model, 'fails']),
];

const manifest: Manifest = {
  type: 'echo',
  displayName: 'Echo',
  description: 'Answers without a model and without a network, for a first try and for tests. It counts each word that it sends as one output token.',
  key: undefined,
  docsUrl: '',
  isLocal: true,
  version: '0.1.0',
  settings: [],
  claims: [],
  defaultModel: '',
  models: MODELS.map(([model, what]) => ({ model, displayName: `${model}: ${what}`, inputModalities: ['text'], capabilities: model === 'tools' ? ['tools'] : [], refuses: [] })),
  cancelStopsBilling: true,
  defaultBaseUrl: '',
  baseUrlEnvName: '',
};

/** A text in words, each with the space before it: together they are the text again. */
const wordsOf = (text: string): readonly string[] => text.match(/\s*\S+|\s+/g) ?? [];

function lastWords({ messages }: GenerateRequest): string {
  const parts = messages.findLast(({ role }) => role === Role.USER)?.parts ?? [];
  return parts.map(({ part }) => (part?.$case === 'text' ? part.value : '')).join('');
}

function greeting(said: string): string {
  const echo = said.trim() === '' ? '' : `You said: "${said.trim()}"\n\n`;
  return [
    `Hello! ${echo}I am echo, the part of Tollgate that answers while no provider has a key yet.`,
    ' Tollgate is one daemon on your machine: it holds the keys of your model providers, picks the provider and streams',
    ' the answer. Your apps get a short-lived token, never a key.\n\n',
    "To hear a real model, start Ollama, or set a provider's key, for example with: tollgate keys set anthropic",
  ].join('');
}

function* repeat(count: number): Generator<string> {
  for (let at = 0; at < count; at++) yield at === 0 ? 'word' : ' word';
}

/** The words of an answer; undefined when there is no such model. */
function scriptOf(request: GenerateRequest): Iterable<string> | undefined {
  const { model } = request;
  const said = lastWords(request);
  if (model === 'hello') return wordsOf(greeting(said));
  if (model === 'say' || model === 'slow') return wordsOf(said);
  if (model === 'fail-truncated') return wordsOf('This answer breaks off in the');
  const count = Number(/^tokens-([1-9]\d{0,7})$/.exec(model)?.[1] ?? 0);
  return count > 0 && count <= MAX_WORDS ? repeat(count) : undefined;
}

function ignoredFieldsOf(request: GenerateRequest): readonly string[] {
  const given: readonly (readonly [string, boolean])[] = [
    ['temperature', request.temperature !== undefined],
    ['top_p', request.topP !== undefined],
    ['top_k', request.topK !== undefined],
    ['stop_sequences', request.stopSequences.length > 0],
    ['seed', request.seed !== undefined],
    ['tools', request.tools.length > 0 && request.model !== 'tools'],
    ['response_format', request.responseFormat !== undefined],
    ['reasoning', request.reasoning !== undefined],
  ];
  return given.filter(([, isGiven]) => isGiven).map(([field]) => field);
}

const finished = (model: string, finishReason: FinishReason, words: number): ProviderEvent =>
  finish({ finishReason, rawFinishReason: '', responseModel: model, usage: { outputTokens: BigInt(words) }, providerRequestId: '' });

function* callTool(request: GenerateRequest): Generator<ProviderEvent> {
  const choice = request.toolChoice?.choice;
  const name = choice?.$case === 'toolName' ? choice.value : request.tools[0]?.name;
  if (name === undefined) throw unsupported('tools', 'echo/tools calls the first tool of the request: give it one');
  yield started(ignoredFieldsOf(request));
  const parts = new Parts();
  yield* parts.toolCall({ name, fragment: '{}' });
  yield finished(request.model, FinishReason.TOOL_CALL, 0);
}

async function* sayWords(words: Iterable<string>, request: GenerateRequest, signal: AbortSignal): AsyncGenerator<ProviderEvent> {
  const { model, maxOutputTokens: limit } = request;
  const parts = new Parts();
  let said = 0;
  yield started(ignoredFieldsOf(request));
  for (const word of words) {
    if (said === limit) {
      yield finished(model, FinishReason.LENGTH, said);
      return;
    }
    if (model === 'slow' && said > 0) await pause(SLOW_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
    else if (said % WORDS_A_TURN === 0) await nextTurn();
    signal.throwIfAborted();
    if (word.trim() !== '') said++;
    yield parts.text(word);
  }
  if (model === 'fail-truncated') throw truncated({ outputTokens: BigInt(said) });
  yield finished(model, FinishReason.STOP, said);
}

async function* generate(request: GenerateRequest, { signal }: CallContext): AsyncGenerator<ProviderEvent> {
  signal.throwIfAborted();
  const failure = FAILURES.get(request.model);
  if (failure !== undefined) {
    yield started(ignoredFieldsOf(request));
    throw new ProviderError(...failure);
  }
  if (request.model === 'tools') {
    yield* callTool(request);
    return;
  }
  const words = scriptOf(request);
  if (words === undefined) throw new ProviderError(ErrorClass.NOT_FOUND, `echo has no model "${request.model}"; it has ${MODELS.map(([model]) => model).join(', ')}`);
  yield* sayWords(words, request, signal);
}

/** A provider without a network: says back what it is told. */
export const echo: Provider = {
  manifest,
  generate,
  listModels: () => Promise.resolve(manifest.models),
  checkKey: () => Promise.resolve({ verdict: Verdict.VALID, message: 'echo needs no key', checkedWith: '' }),
};
