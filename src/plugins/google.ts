import { CheckKeyResponse_Verdict as Verdict, type Instance } from '../gen/tollgate/provider/v1/provider_service.ts';
import { AnswerReader } from './google/answer-reader.ts';
import { embed } from './google/embed.ts';
import { fetchGoogle, methodPath, throwUnlessGoogleOk } from './google/google-http.ts';
import { modelInfo } from './google/model-info.ts';
import { requestBody } from './google/request-body.ts';
import { send } from './kit/http.ts';
import { arrayOf, isObject, objectOf, stringifyBody, stringOf } from './kit/json.ts';
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

/** The most pages of the list of models that are asked for. */
const MAX_PAGES = 50;

const manifest: Manifest = {
  type: 'google',
  displayName: 'Google Gemini',
  description: 'The Gemini models, from Google.',
  docsUrl: 'https://aistudio.google.com/apikey',
  isLocal: false,
  version: '0.1.0',
  key: { required: true, format: '^(AIza|AQ\\.)', envNames: ['GEMINI_API_KEY', 'GOOGLE_AI_API_KEY'] },
  settings: [],
  claims: ['^gemini-'],
  defaultModel: 'gemini-3.5-flash-lite',
  models: [],
  cancelStopsBilling: false,
  defaultBaseUrl: 'https://generativelanguage.googleapis.com/v1beta',
  baseUrlEnvName: '',
};

const headersOf = (key: string): Readonly<Record<string, string>> => ({ 'x-goog-api-key': key });

const urlOf = (instance: Instance | undefined, path: string): string => `${instance?.baseUrl ?? ''}${path}`;

async function* generate(request: GenerateRequest, { signal }: CallContext): AsyncGenerator<ProviderEvent> {
  const { instance, key, model } = request;
  const { body, ignoredFields } = requestBody(request);
  const url = urlOf(instance, `${methodPath(model, 'streamGenerateContent')}?alt=sse`);
  const exchange = await send({ method: 'POST', url, headers: headersOf(key), body: stringifyBody(body), signal });
  const reader = new AnswerReader(key);
  try {
    yield started(ignoredFields);
    const answer = await exchange.answer();
    await throwUnlessGoogleOk(answer, key);
    // No event is marked as the last one: the end of the body is the end of the answer.
    for await (const piece of readSseOrJson(answer.body)) {
      const told = 'json' in piece ? readTogether([piece.json], (json) => reader.readWhole(json)) : readTogether(piece.events, ({ data }) => reader.read(data));
      for (const event of told) yield event;
    }
    for (const event of reader.finish()) yield event;
  } catch (error) {
    throw withUsage(error, reader.usage, signal);
  } finally {
    exchange.close();
  }
}

async function listModels({ instance, key }: ListModelsRequest, { signal }: CallContext): Promise<readonly ModelInfo[]> {
  const models = new Map<string, ModelInfo>();
  let token = '';
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const path = `/models?pageSize=1000${token === '' ? '' : `&pageToken=${encodeURIComponent(token)}`}`;
    const page = objectOf(await fetchGoogle({ method: 'GET', url: urlOf(instance, path), headers: headersOf(key), signal }, key));
    for (const info of arrayOf(page?.['models']).filter(isObject).map(modelInfo)) if (info !== undefined) models.set(info.model, info);
    const next = stringOf(page?.['nextPageToken']) ?? '';
    // A server that knows no pages gives the same one again.
    if (next === '' || next === token) break;
    token = next;
  }
  return [...models.values()];
}

async function checkKey({ instance, key }: CheckKeyRequest, { signal }: CallContext): Promise<CheckKeyResponse> {
  const checkedWith = 'GET /models';
  try {
    await fetchGoogle({ method: 'GET', url: urlOf(instance, '/models?pageSize=1'), headers: headersOf(key), signal }, key);
    return { verdict: Verdict.VALID, message: '', checkedWith };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { verdict: error.errorClass === ErrorClass.AUTH ? Verdict.INVALID : Verdict.UNKNOWN, message: error.message, checkedWith };
  }
}

/** Google's Gemini API with an API key: generateContent, always as a stream. */
export const google: Provider = {
  manifest,
  generate,
  check: (request) => void requestBody(request),
  listModels,
  checkKey,
  embed: (request, { signal }) =>
    embed(request, { url: urlOf(request.instance, methodPath(request.model, 'batchEmbedContents')), headers: headersOf(request.key), signal }),
};
