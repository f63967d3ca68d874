import { createHash } from 'node:crypto';
import { Manifest } from '../gen/tollgate/provider/v1/provider_service.ts';
import type { Message } from '../gen/tollgate/v1/content.ts';
import { objectOf, type JsonObject } from './kit/json.ts';
import { openaiChatProvider } from './kit/openai-chat.ts';
import type { ChatDialect } from './kit/openai-chat-dialect.ts';
import { modelInfo, readUsualModel } from './kit/openai-chat-models.ts';
import { openaiEmbed } from './kit/openai-embed.ts';
import { callsTools, ownThoughts } from './kit/own-thoughts.ts';
import type { GenerateRequest, ModelInfo, Provider } from './provider.ts';

const TYPE = 'mistral';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Mistral takes ids of nine letters and digits only: its own pass, another provider's become nine that are always the same. */
function toolCallId(id: string): string {
  if (/^[a-zA-Z0-9]{9}$/.test(id)) return id;
  const digest = createHash('sha256').update(id).digest();
  return Array.from(digest.subarray(0, 9), (byte) => LETTERS[byte % LETTERS.length]).join('');
}

/** Mistral takes nobody's word right behind a tool's result but the assistant's. */
const arrange = (messages: readonly JsonObject[]): readonly JsonObject[] =>
  messages.flatMap((message, at) => {
    const breaksIn = messages[at - 1]?.['role'] === 'tool' && (message['role'] === 'user' || message['role'] === 'system');
    return breaksIn ? [{ role: 'assistant', content: 'OK.' }, message] : [message];
  });

/** Thoughts stand in the content, as they came; a last turn of the assistant is the beginning of the answer. */
function assistantFields(message: Message, { messages }: GenerateRequest): JsonObject {
  const thoughts = ownThoughts(message, TYPE);
  const said = message.parts.flatMap(({ part }) => (part?.$case === 'text' || part?.$case === 'refusal' ? [part.value] : [])).join('');
  const thinking = { type: 'thinking', thinking: [{ type: 'text', text: thoughts }] };
  return {
    ...(thoughts === '' ? {} : { content: said === '' ? [thinking] : [thinking, { type: 'text', text: said }] }),
    ...(message === messages.at(-1) && !callsTools(message) ? { prefix: true } : {}),
  };
}

const dialect = (request: GenerateRequest): ChatDialect => ({
  seedField: 'random_seed',
  anyToolWord: 'any',
  refuses: { top_k: 'Mistral has no such option' },
  toolCallId,
  arrange,
  assistantFields: (message) => assistantFields(message, request),
  requestIdHeader: 'mistral-correlation-id',
});

/** The list holds models for documents, speech and moderation too; what makes vectors is told by its name alone. */
function readModel(entry: JsonObject): ModelInfo | undefined {
  const known = readUsualModel(entry);
  const can = objectOf(entry['capabilities']) ?? {};
  if (known === undefined) return undefined;
  if (can['completion_chat'] === false) return /(?:^|-)embed(?:-|$)/.test(known.model) ? modelInfo(known.model, { ...known, capabilities: ['embeddings'] }) : undefined;
  return {
    ...known,
    inputModalities: can['vision'] === true ? ['text', 'image'] : can['vision'] === false ? ['text'] : [],
    capabilities: [...(can['function_calling'] === true ? ['tools'] : []), ...(can['reasoning'] === true ? ['reasoning'] : [])],
    refuses: can['function_calling'] === false ? ['tools'] : [],
  };
}

/** Mistral AI. */
export const mistral: Provider = {
  ...openaiChatProvider({
    manifest: Manifest.fromPartial({
      type: TYPE,
      displayName: 'Mistral AI',
      description: 'The models of Mistral AI, through its own API.',
      docsUrl: 'https://console.mistral.ai/api-keys',
      version: '0.1.0',
      key: { required: true, format: '^\\S{32,}$', envNames: ['MISTRAL_API_KEY'] },
      defaultModel: 'mistral-small-latest',
      cancelStopsBilling: false,
      defaultBaseUrl: 'https://api.mistral.ai/v1',
    }),
    dialect,
    readModel,
  }),
  embed: openaiEmbed({ type: TYPE, dimensionsField: 'output_dimension' }),
};
