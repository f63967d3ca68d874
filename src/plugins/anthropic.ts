import { CheckKeyResponse_Verdict as Verdict, Setting_Type, type Instance } from '../gen/tollgate/provider/v1/provider_service.ts';
import { AnswerReader } from './anthropic/answer-reader.ts';
import { requestBody } from './anthropic/request-body.ts';
import { fetchJson, parseWhole, send, throwUnlessOk } from './kit/http.ts';
import { arrayOf, countOf, isObject, objectOf, stringifyBody, stringOf, type JsonObject } from './kit/json.ts';
import { readTogether } from './kit/read-together.ts';
import { readSseOrJson } from './kit/sse-or-json.ts';
import { withUsage } from './kit/with-usage.ts';
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

const KEYS_URL = 'https://platform.claude.com/settings/keys';

/** The most pages of the list of models that are asked for. */
const MAX_PAGES = 50;

const manifest: Manifest = {
  type: 'anthropic',
  displayName: 'Anthropic',
  description: 'The Claude models, from Anthropic.',
  docsUrl: KEYS_URL,
  isLocal: false,
  version: '0.1.0',
  key: { required: true, format: '^sk-ant-', envNames: ['ANTHROPIC_API_KEY'] },
  settings: [
    {
      name: 'beta',
      type: Setting_Type.STRING,
      description: 'Features in beta to ask for, by the names that Anthropic gives them, separated by commas (the header anthropic-beta).',
      required: false,
      values: [],
      envNames: [],
      defaultValue: '',
    },
  ],
  claims: ['^claude-'],
  defaultModel: 'claude-haiku-4-5',
  models: [],
  cancelStopsBilling: true,
  defaultBaseUrl: 'https://api.anthropic.com',
  baseUrlEnvName: '',
};

/** Why a key of Anthropic's cannot ask models, when its kind says so. */
function keyProblem(key: string): string | undefined {
  if (key.startsWith('sk-ant-oat')) return `this is the token of a Claude subscription, which Anthropic allows in its own apps only: make an API key at ${KEYS_URL}`;
  if (key.startsWith('sk-ant-admin')) return `this is an admin key, which cannot ask models: make an API key at ${KEYS_URL}`;
  return undefined;
}

function headersOf(instance: Instance | undefined, key: string): Readonly<Record<string, string>> {
  const problem = keyProblem(key);
  if (problem !== undefined) throw new ProviderError(ErrorClass.AUTH, problem);
  const beta = instance?.settings['beta'] ?? '';
  return { 'x-api-key': key, 'anthropic-version': '2023-06-01', ...(beta === '' ? {} : { 'anthropic-beta': beta }) };
}

const urlOf = (instance: Instance | undefined, path: string): string => `${instance?.baseUrl ?? ''}${path}`;

async function* generate(request: GenerateRequest, { signal }: CallContext): AsyncGenerator<ProviderEvent> {
  const { instance, key } = request;
  const { body, ignoredFields } = requestBody(request);
  const exchange = await send({ method: 'POST', url: urlOf(instance, '/v1/messages'), headers: headersOf(instance, key), body: stringifyBody(body), signal });
  const reader = new AnswerReader(key);
  try {
    yield started(ignoredFields);
    const answer = await exchange.answer();
    await throwUnlessOk(answer, { key });
    for await (const piece of readSseOrJson(answer.body)) {
      const told = 'json' in piece ? reader.readWhole(parseWhole(piece.json)) : readTogether(piece.events, ({ data }) => reader.read(data));
      for (const event of told) yield event;
      if (reader.isWhole) break;
    }
    for (const event of reader.finish(answer.headers['request-id'] ?? '')) yield event;
  } catch (error) {
    throw withUsage(error, reader.usage, signal);
  } finally {
    exchange.close(reader.isWhole);
  }
}

const isSupported = (feature: unknown): boolean => objectOf(feature)?.['supported'] === true;

function modelInfo(model: JsonObject): ModelInfo {
  const capabilities = objectOf(model['capabilities']);
  const known: readonly (readonly [string, boolean])[] = [
    ['tools', capabilities !== undefined],
    ['json_schema', isSupported(capabilities?.['structured_outputs'])],
    ['reasoning', isSupported(capabilities?.['thinking'])],
  ];
  return {
    model: stringOf(model['id']) ?? '',
    displayName: stringOf(model['display_name']) ?? '',
    contextWindow: countOf(model['max_input_tokens']),
    maxOutputTokens: countOf(model['max_tokens']),
    inputModalities: capabilities === undefined ? [] : ['text', ...(isSupported(capabilities['image_input']) ? ['image'] : [])],
    capabilities: known.filter(([, supported]) => supported).map(([name]) => name),
    refuses: capabilities === undefined ? [] : known.filter(([, supported]) => !supported).map(([name]) => name),
  };
}

async function listModels({ instance, key }: ListModelsRequest, { signal }: CallContext): Promise<readonly ModelInfo[]> {
  const models: JsonObject[] = [];
  const headers = headersOf(instance, key);
  let after = '';
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const page = objectOf(await fetchJson({ method: 'GET', url: urlOf(instance, `/v1/models?limit=1000${after}`), headers, signal }, { key }));
    models.push(...arrayOf(page?.['data']).filter(isObject));
    const last = stringOf(page?.['last_id']);
    if (page?.['has_more'] !== true || last === undefined || last === '') break;
    after = `&after_id=${encodeURIComponent(last)}`;
  }
  return models.map(modelInfo).filter(({ model }) => model !== '');
}

async function checkKey({ instance, key }: CheckKeyRequest, { signal }: CallContext): Promise<CheckKeyResponse> {
  const checkedWith = 'GET /v1/models';
  const problem = keyProblem(key);
  if (problem !== undefined) return { verdict: Verdict.INVALID, message: problem, checkedWith: '' };
  try {
    await fetchJson({ method: 'GET', url: urlOf(instance, '/v1/models?limit=1'), headers: headersOf(instance, key), signal }, { key });
    return { verdict: Verdict.VALID, message: '', checkedWith };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { verdict: error.errorClass === ErrorClass.AUTH ? Verdict.INVALID : Verdict.UNKNOWN, message: error.message, checkedWith };
  }
}

/** Anthropic's Messages API, always as a stream. */
export const anthropic: Provider = { manifest, generate, check: (request) => void requestBody(request), listModels, checkKey };
