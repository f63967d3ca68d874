import { CheckKeyResponse_Verdict as Verdict, Manifest } from '../gen/tollgate/provider/v1/provider_service.ts';
import { Role, type Message } from '../gen/tollgate/v1/content.ts';
import type { ReasoningOptions } from '../gen/tollgate/v1/generate_service.ts';
import { arrayOf, objectOf, wordOf, type JsonObject } from './kit/json.ts';
import { askAboutKey, bearer, instanceOf, openaiChatProvider } from './kit/openai-chat.ts';
import type { ChatDialect } from './kit/openai-chat-dialect.ts';
import { readUsualModel } from './kit/openai-chat-models.ts';
import { effortOnly } from './kit/openai-chat-request.ts';
import { forcesTool } from './kit/openai-tools.ts';
import { callsTools, ownThoughts } from './kit/own-thoughts.ts';
import { unsupported, type CheckKeyResponse, type GenerateRequest } from './provider.ts';

const TYPE = 'deepseek';

/** The name that stands for a model told not to think; all others think unless told. */
const UNTHINKING = /^deepseek-chat\b/;
const SEES = /^deepseek-(?:flash|v4-flash-vision)/;

/** Whether the request says that the model thinks; undefined when it leaves that to the provider. */
function wantsThoughts({ effort, maxReasoningTokens }: Partial<ReasoningOptions> = {}): boolean | undefined {
  if (effort === 'none' || maxReasoningTokens === 0) return false;
  return (effort ?? '') !== '' || maxReasoningTokens !== undefined ? true : undefined;
}

const reasoning = (options: ReasoningOptions): JsonObject => {
  const wanted = wantsThoughts(options);
  if (wanted === undefined) return {};
  return wanted ? { thinking: { type: 'enabled' }, ...effortOnly(options) } : { thinking: { type: 'disabled' } };
};

/** The assistant's turns between two words of the user, where one of them calls tools: their thoughts belong to the conversation. */
function toolTurns(messages: readonly Message[]): ReadonlySet<Message> {
  const found = new Set<Message>();
  let turns: Message[] = [];
  for (const message of messages) {
    if (message.role === Role.USER) turns = [];
    if (message.role === Role.ASSISTANT) turns.push(message);
    if (turns.some(callsTools)) for (const turn of turns) found.add(turn);
  }
  return found;
}

function dialect({ messages, model, reasoning: options, toolChoice }: GenerateRequest): ChatDialect {
  const turns = toolTurns(messages);
  // While it thinks it is forced to no tool, and wants the thoughts of each call back: other providers' calls have none.
  const canThink = !forcesTool(toolChoice ?? {}) && [...turns].every((turn) => !callsTools(turn) || ownThoughts(turn, TYPE) !== '');
  const wanted = wantsThoughts(options);
  const isLeftOff = wanted === undefined && !UNTHINKING.test(model) && !canThink;
  const thinks = wanted ?? (!UNTHINKING.test(model) && canThink);
  return {
    streamOptions: { include_usage: true },
    reasoning,
    ...(isLeftOff ? { extra: { thinking: { type: 'disabled' } } } : {}),
    refuses: {
      top_k: 'DeepSeek has no such option',
      'response_format.json_schema': 'DeepSeek follows no schema: ask for json, and describe the object in the prompt',
      ...(SEES.test(model) ? {} : { image: 'this model reads text only' }),
    },
    ignores: thinks ? ['temperature', 'top_p', 'seed'] : ['seed'],
    toolChoice: (choice) => {
      if (thinks && forcesTool(choice)) throw unsupported('tool_choice', 'DeepSeek cannot be made to call a tool while it thinks: leave reasoning out, or set its effort to "none"');
      return choice;
    },
    assistantFields: (turn) => {
      const thoughts = thinks && turns.has(turn) ? ownThoughts(turn, TYPE) : '';
      return thoughts === '' ? {} : { reasoning_content: thoughts };
    },
  };
}

function judgeBalance(answer: unknown): Pick<CheckKeyResponse, 'verdict' | 'message'> {
  const balance = objectOf(answer);
  const amounts = arrayOf(balance?.['balance_infos']).map((info) => `${wordOf(objectOf(info)?.['total_balance']) ?? '?'} ${wordOf(objectOf(info)?.['currency']) ?? ''}`.trim());
  const left = amounts.length === 0 ? '' : `; ${amounts.join(' and ')} are left`;
  const problem = balance?.['is_available'] === false ? ', but the balance does not suffice for a call' : '';
  return { verdict: Verdict.VALID, message: `the provider took the key${problem}${left}` };
}

/** DeepSeek. */
export const deepseek = openaiChatProvider({
  manifest: Manifest.fromPartial({
    type: TYPE,
    displayName: 'DeepSeek',
    description: 'The models of DeepSeek, through its own API.',
    docsUrl: 'https://platform.deepseek.com/api_keys',
    version: '0.1.0',
    key: { required: true, format: '^sk-\\S+$', envNames: ['DEEPSEEK_API_KEY'] },
    defaultModel: 'deepseek-v4-flash',
    cancelStopsBilling: true,
    defaultBaseUrl: 'https://api.deepseek.com',
  }),
  dialect,
  readModel: (entry) => {
    const model = readUsualModel(entry);
    // The list says no more than names; all of this generation have the same window.
    return model !== undefined && /^deepseek-(?:v4|flash)\b/.test(model.model) ? { ...model, contextWindow: model.contextWindow ?? 1_000_000n } : model;
  },
  checkKey: (request, context) => {
    const instance = instanceOf(request);
    return askAboutKey('/user/balance', { instance, key: request.key, headers: bearer(request.key), judge: judgeBalance }, context);
  },
});
