import { Manifest, Setting_Type } from '../gen/tollgate/provider/v1/provider_service.ts';
import { bearer, openaiChatProvider } from './kit/openai-chat.ts';
import type { ChatDialect } from './kit/openai-chat-dialect.ts';
import type { GenerateRequest } from './provider.ts';

/** Models that reason before they answer. The chat variants of the gpt-5 family do not. */
const REASONING_MODEL = /^(?:ft:)?(?:o\d|gpt-(?:[5-9]|\d{2,})(?!(?:\.\d+)?-chat))/;
/** Reasoning models that can be told not to: they then take sampling options like any other. */
const REASONING_CAN_BE_OFF = /^(?:ft:)?gpt-(?:5\.\d|[6-9]|\d{2,})/;

const FIXED = 'this model reasons, and takes no sampling options while it does: leave the field out, or set reasoning.effort to "none" where the model knows it';

function dialect({ model, reasoning }: GenerateRequest): ChatDialect {
  const reasons = REASONING_MODEL.test(model);
  const isOff = reasoning?.effort === 'none' && REASONING_CAN_BE_OFF.test(model);
  return {
    // The older `max_tokens` is refused by the reasoning models; every model takes this one.
    maxTokensField: 'max_completion_tokens',
    streamOptions: { include_usage: true, include_obfuscation: false },
    systemRole: reasons ? 'developer' : 'system',
    refusalField: true,
    refuses: { top_k: 'OpenAI has no such option', ...(reasons && !isOff ? { temperature: FIXED, top_p: FIXED } : {}) },
  };
}

/** OpenAI's own API. */
export const openai = openaiChatProvider({
  manifest: Manifest.fromPartial({
    type: 'openai',
    displayName: 'OpenAI',
    description: 'The models of OpenAI, through its own API.',
    docsUrl: 'https://platform.openai.com/api-keys',
    version: '0.1.0',
    key: { required: true, format: '^sk-\\S+$', envNames: ['OPENAI_API_KEY'] },
    settings: [
      { name: 'api', type: Setting_Type.ENUM, description: 'Which of its APIs is asked.', values: ['auto', 'chat'], defaultValue: 'auto' },
      { name: 'organization', type: Setting_Type.STRING, description: 'The organization that is billed, for keys that belong to several.' },
      { name: 'project', type: Setting_Type.STRING, description: 'The project that is billed, for keys that belong to several.' },
    ],
    claims: ['^(gpt-|o[134](-|$)|chatgpt-|ft:|text-embedding-)'],
    defaultModel: 'gpt-4.1-mini',
    cancelStopsBilling: true,
    defaultBaseUrl: 'https://api.openai.com/v1',
  }),
  dialect,
  headers: ({ settings }, key) => ({
    ...bearer(key),
    ...(settings['organization'] ? { 'openai-organization': settings['organization'] } : {}),
    ...(settings['project'] ? { 'openai-project': settings['project'] } : {}),
  }),
});
