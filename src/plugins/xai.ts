import { CheckKeyResponse_Verdict as Verdict, Manifest } from '../gen/tollgate/provider/v1/provider_service.ts';
import { arrayOf, objectOf, stringOf, type JsonObject } from './kit/json.ts';
import { askAboutKey, bearer, instanceOf, openaiChatProvider } from './kit/openai-chat.ts';
import type { ChatDialect } from './kit/openai-chat-dialect.ts';
import { readUsualModel } from './kit/openai-chat-models.ts';
import type { CheckKeyResponse, GenerateRequest, ModelInfo } from './provider.ts';

/** Models that reason before they answer. */
const REASONING_MODEL = /^grok-(?:3|4|code)(?!.*non-reasoning)/;

const dialect = ({ model }: GenerateRequest): ChatDialect => ({
  maxTokensField: 'max_completion_tokens',
  streamOptions: { include_usage: true },
  refuses: {
    top_k: 'xAI has no such option',
    ...(REASONING_MODEL.test(model) ? { stop_sequences: 'this model reasons, and takes no stop sequences: leave them out, or ask a model that does not' } : {}),
  },
});

function readModel(entry: JsonObject): ModelInfo | undefined {
  const model = readUsualModel(entry);
  return model === undefined ? undefined : { ...model, inputModalities: arrayOf(entry['input_modalities']).flatMap((modality) => stringOf(modality) ?? []) };
}

function judgeKey(answer: unknown): Pick<CheckKeyResponse, 'verdict' | 'message'> {
  const about = objectOf(answer);
  if (about?.['api_key_disabled'] === true) return { verdict: Verdict.INVALID, message: 'the key is disabled' };
  if (about?.['api_key_blocked'] === true) return { verdict: Verdict.INVALID, message: 'the key is blocked' };
  return { verdict: Verdict.VALID, message: about?.['team_blocked'] === true ? 'the provider took the key, but its team is blocked' : 'the provider took the key' };
}

/** xAI. */
export const xai = openaiChatProvider({
  manifest: Manifest.fromPartial({
    type: 'xai',
    displayName: 'xAI',
    description: 'The Grok models of xAI, through its own API.',
    docsUrl: 'https://console.x.ai',
    version: '0.1.0',
    key: { required: true, format: '^xai-\\S+$', envNames: ['XAI_API_KEY'] },
    defaultModel: 'grok-4.3',
    cancelStopsBilling: true,
    defaultBaseUrl: 'https://api.x.ai/v1',
  }),
  dialect,
  // Unlike /models it leaves out what makes pictures.
  modelsPath: '/language-models',
  readModel,
  // It knows a key that is blocked from one that is good.
  checkKey: (request, context) => {
    const instance = instanceOf(request);
    return askAboutKey('/api-key', { instance, key: request.key, headers: bearer(request.key), judge: judgeKey }, context);
  },
});
