import { CheckKeyResponse_Verdict as Verdict } from '../gen/tollgate/provider/v1/provider_service.ts';
import { fetchJson, send, throwUnlessOk } from './kit/http.ts';
import { arrayOf, countOf, isObject, objectOf, stringifyBody, stringOf, type JsonObject } from './kit/json.ts';
import { readNdjson } from './kit/ndjson.ts';
import { readTogether } from './kit/read-together.ts';
import { AnswerReader } from './ollama/answer-reader.ts';
import { ollamaBaseUrl } from './ollama/base-url.ts';
import { embed } from './ollama/embed.ts';
import { requestBody } from './ollama/request-body.ts';
import {
  ErrorClass,
  ProviderError,
  started,
  type CallContext,
  type CheckKeyRequest,
  type CheckKeyResponse,
  type GenerateRequest,
  type ListModelsRequest,
  type Manifest,
  type ModelInfo,
  type Provider,
  type ProviderEvent,
} from './provider.ts';

const manifest: Manifest = {
  type: 'ollama',
  displayName: 'Ollama',
  description: 'Models on this machine, run by Ollama; with a key also those of ollama.com.',
  docsUrl: 'https://ollama.com/download',
  isLocal: true,
  version: '0.1.0',
  key: { required: false, format: '', envNames: ['OLLAMA_API_KEY'] },
  settings: [],
  claims: ['^hf\\.co/.+', '^(?!ft:)[^/:]+:[^/:]+$'],
  defaultModel: 'llama3.2:3b',
  models: [],
  cancelStopsBilling: true,
  defaultBaseUrl: 'http://localhost:11434',
  baseUrlEnvName: 'OLLAMA_HOST',
};

const headersOf = (key: string): Readonly<Record<string, string>> => (key === '' ? {} : { authorization: `Bearer ${key}` });

const urlOf = ({ instance }: Pick<GenerateRequest, 'instance'>, path: string): string => ollamaBaseUrl(instance?.baseUrl ?? '') + path;

async function* generate(request: GenerateRequest, { signal }: CallContext): AsyncGenerator<ProviderEvent> {
  const { key } = request;
  const { body, ignoredFields } = requestBody(request);
  const exchange = await send({ method: 'POST', url: urlOf(request, '/api/chat'), headers: headersOf(key), body: stringifyBody(body), signal });
  const reader = new AnswerReader(key);
  try {
    yield started(ignoredFields);
    const answer = await exchange.answer();
    await throwUnlessOk(answer, { key });
    for await (const lines of readNdjson(answer.body)) {
      for (const event of readTogether(lines, (line) => reader.read(line))) yield event;
      if (reader.isWhole) break;
    }
    for (const event of reader.finish(answer.headers['x-request-id'] ?? '')) yield event;
  } finally {
    exchange.close(reader.isWhole);
  }
}

const CAPABILITIES: ReadonlyMap<unknown, string> = new Map([
  ['tools', 'tools'],
  ['completion', 'json_schema'],
  ['thinking', 'reasoning'],
  ['embedding', 'embeddings'],
]);

const MODALITIES: ReadonlyMap<unknown, string> = new Map([
  ['completion', 'text'],
  ['embedding', 'text'],
  ['vision', 'image'],
  ['audio', 'audio'],
]);

const wordsOf = (known: readonly unknown[], words: ReadonlyMap<unknown, string>): string[] => [...new Set(known.map((word) => words.get(word)).filter((word) => word !== undefined))];

function modelInfo(model: JsonObject): ModelInfo {
  const known = arrayOf(model['capabilities']);
  const contextWindow = countOf(objectOf(model['details'])?.['context_length']);
  return {
    model: stringOf(model['model']) ?? stringOf(model['name']) ?? '',
    displayName: '',
    // Ollama leaves it out or says 0 when it does not know it.
    contextWindow: contextWindow === 0n ? undefined : contextWindow,
    inputModalities: wordsOf(known, MODALITIES),
    capabilities: wordsOf(known, CAPABILITIES),
    // Its list of what a model can do is whole where there is one.
    refuses: known.includes('completion') ? ['tools', 'thinking'].filter((word) => !known.includes(word)).map((word) => CAPABILITIES.get(word) ?? word) : [],
  };
}

async function listModels(request: ListModelsRequest, { signal }: CallContext): Promise<readonly ModelInfo[]> {
  const { key } = request;
  const list = objectOf(await fetchJson({ method: 'GET', url: urlOf(request, '/api/tags'), headers: headersOf(key), signal }, { key }));
  return arrayOf(list?.['models']).filter(isObject).map(modelInfo).filter(({ model }) => model !== '');
}

/** Ollama has no question that costs nothing and that only a good key gets answered: without a refusal a key stays unproven. */
async function checkKey(request: CheckKeyRequest, { signal }: CallContext): Promise<CheckKeyResponse> {
  const { key } = request;
  const path = key === '' ? '/api/version' : '/api/tags';
  const checkedWith = `GET ${path}`;
  try {
    const answer = objectOf(await fetchJson({ method: 'GET', url: urlOf(request, path), headers: headersOf(key), signal }, { key }));
    if (key !== '') return { verdict: Verdict.UNKNOWN, message: 'the server answers, which says nothing about the key', checkedWith };
    return { verdict: Verdict.VALID, message: `Ollama ${stringOf(answer?.['version']) ?? ''} answers, without a key`, checkedWith };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { verdict: key !== '' && error.errorClass === ErrorClass.AUTH ? Verdict.INVALID : Verdict.UNKNOWN, message: error.message, checkedWith };
  }
}

/** Ollama's own /api/chat, on this machine or anywhere else. */
export const ollama: Provider = {
  manifest,
  generate,
  check: (request) => void requestBody(request),
  listModels,
  checkKey,
  embed: (request, { signal }) => embed(request, { url: urlOf(request, '/api/embed'), headers: headersOf(request.key), signal }),
};
