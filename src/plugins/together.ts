import { Manifest } from '../gen/tollgate/provider/v1/provider_service.ts';
import type { JsonObject } from './kit/json.ts';
import { openaiChatProvider } from './kit/openai-chat.ts';
import { readUsualModel } from './kit/openai-chat-models.ts';
import { effortOnly } from './kit/openai-chat-request.ts';
import { openaiEmbed } from './kit/openai-embed.ts';
import type { ModelInfo, Provider } from './provider.ts';

const TYPE = 'together';

/** The list holds models for images and speech too. */
function readModel(entry: JsonObject): ModelInfo | undefined {
  const model = readUsualModel(entry);
  if (entry['type'] === 'embedding') return model === undefined ? undefined : { ...model, capabilities: ['embeddings'] };
  return entry['type'] === undefined || entry['type'] === 'chat' ? model : undefined;
}

const chat = openaiChatProvider({
  manifest: Manifest.fromPartial({
    type: TYPE,
    displayName: 'Together AI',
    description: 'Open models, served by Together AI.',
    docsUrl: 'https://api.together.ai/settings/api-keys',
    version: '0.1.0',
    key: { required: true, format: '^\\S{32,}$', envNames: ['TOGETHER_API_KEY'] },
    claims: ['^togethercomputer/'],
    defaultModel: 'meta-llama/Llama-3.3-70B-Instruct-Turbo',
    cancelStopsBilling: true,
    defaultBaseUrl: 'https://api.together.ai/v1',
  }),
  dialect: {
    // Its own default may cut a prompt that is too long without a word.
    extra: { context_length_exceeded_behavior: 'error' },
    reasoning: (options) =>
      options.effort === 'none' || options.maxReasoningTokens === 0 ? { reasoning: { enabled: false } } : effortOnly(options),
  },
  readModel,
});

/** Together AI. */
export const together: Provider = {
  ...chat,
  embed: openaiEmbed({ type: TYPE, refusesDimensions: 'Together has no such option: its models make vectors of one length each' }),
};
