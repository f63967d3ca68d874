import { Manifest } from '../gen/tollgate/provider/v1/provider_service.ts';
import { openaiChatProvider } from './kit/openai-chat.ts';
import { readUsualModel } from './kit/openai-chat-models.ts';
import { effortOnly } from './kit/openai-chat-request.ts';

/** Together AI. */
export const together = openaiChatProvider({
  manifest: Manifest.fromPartial({
    type: 'together',
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
  // The list holds models for images, speech and vectors too.
  readModel: (entry) => (entry['type'] === undefined || entry['type'] === 'chat' ? readUsualModel(entry) : undefined),
});
