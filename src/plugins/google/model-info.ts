import { arrayOf, countOf, stringOf, type JsonObject } from '../kit/json.ts';
import type { ModelInfo } from '../provider.ts';

/** Models of Gemini's that read and write something else than a conversation. */
const SPECIAL = /-(tts|image|embedding|audio|live|omni|robotics|computer-use)(-|$)/;

const isChat = (model: string): boolean => model.startsWith('gemini-') && !SPECIAL.test(model);

/** One entry of Google's list, whatever it makes: what it can do stands in its capabilities. Of Gemini's own more is known than the list says. */
export function modelInfo(entry: JsonObject): ModelInfo | undefined {
  const methods = arrayOf(entry['supportedGenerationMethods']);
  const generates = methods.includes('generateContent');
  const embeds = methods.includes('embedContent');
  const model = (stringOf(entry['name']) ?? '').replace(/^models\//, '');
  if (model === '') return undefined;
  const chats = generates && isChat(model);
  const known: readonly (readonly [string, boolean])[] = [
    ['tools', chats],
    ['json_schema', chats],
    ['reasoning', generates && entry['thinking'] === true],
    ['embeddings', embeds],
  ];
  return {
    model,
    displayName: stringOf(entry['displayName']) ?? '',
    contextWindow: countOf(entry['inputTokenLimit']),
    maxOutputTokens: countOf(entry['outputTokenLimit']),
    inputModalities: chats ? ['text', 'image', 'audio'] : [],
    capabilities: known.filter(([, can]) => can).map(([name]) => name),
    refuses: [],
  };
}
