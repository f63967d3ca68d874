import { Manifest } from '../gen/tollgate/provider/v1/provider_service.ts';
import { objectOf, type JsonObject } from './kit/json.ts';
import { openaiChatProvider } from './kit/openai-chat.ts';
import type { ChatDialect } from './kit/openai-chat-dialect.ts';
import { readUsualModel } from './kit/openai-chat-models.ts';
import type { GenerateRequest } from './provider.ts';

/** Models that write their thoughts into the text unless told otherwise. The others refuse the field that tells them. */
const THINKS_ALOUD = /^(?:qwen\/qwen-?3|qwen-qwq|deepseek-r1)(?!.*instruct)/;

/** Usage stands in Groq's own corner of the last chunk, and beside it only when it was asked for. */
function normalise(event: JsonObject): JsonObject {
  const usage = objectOf(event['x_groq'])?.['usage'];
  return usage === undefined || objectOf(event['usage']) !== undefined ? event : { ...event, usage };
}

const dialect = ({ model }: GenerateRequest): ChatDialect => ({
  maxTokensField: 'max_completion_tokens',
  streamOptions: { include_usage: true },
  ...(THINKS_ALOUD.test(model) ? { extra: { reasoning_format: 'parsed' } } : {}),
  refuses: { top_k: 'Groq has no such option' },
  normalise,
});

/** Groq. */
export const groq = openaiChatProvider({
  manifest: Manifest.fromPartial({
    type: 'groq',
    displayName: 'Groq',
    description: "Open models on Groq's fast hardware.",
    docsUrl: 'https://console.groq.com/keys',
    version: '0.1.0',
    key: { required: true, format: '^gsk_\\S+$', envNames: ['GROQ_API_KEY'] },
    defaultModel: 'openai/gpt-oss-120b',
    cancelStopsBilling: false,
    defaultBaseUrl: 'https://api.groq.com/openai/v1',
  }),
  dialect,
  readModel: (entry) => (entry['active'] === false ? undefined : readUsualModel(entry)),
});
