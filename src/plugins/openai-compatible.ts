import { Manifest, Setting_Type, type Instance } from '../gen/tollgate/provider/v1/provider_service.ts';
import type { Message } from '../gen/tollgate/v1/content.ts';
import { clip } from './kit/clip.ts';
import type { JsonObject } from './kit/json.ts';
import { openaiChatProvider } from './kit/openai-chat.ts';
import type { ChatDialect } from './kit/openai-chat-dialect.ts';
import { openaiEmbed } from './kit/openai-embed.ts';
import { callsTools, ownThoughts } from './kit/own-thoughts.ts';
import { ProviderError, unsupported, type GenerateRequest, type Provider } from './provider.ts';

const TYPE = 'openai-compatible';

const NOT_STRICT = 'it is no field of the OpenAI API, and this instance has strict_fields=true';

function dialect(request: GenerateRequest): ChatDialect {
  const settings = request.instance?.settings ?? {};
  const strict = settings['strict_fields'] === 'true';
  const field = settings['reasoning_field'] ?? '';
  const includeUsage = settings['include_usage'] === 'on' || (settings['include_usage'] !== 'off' && !strict);
  return {
    maxTokensField: settings['max_tokens_field'] || 'max_tokens',
    ...(includeUsage ? { streamOptions: { include_usage: true } } : {}),
    ...(field === '' ? {} : { reasoningFields: [field] }),
    ...(strict
      ? { refuses: { top_k: NOT_STRICT }, ignores: ['seed'] }
      : { assistantFields: (message: Message) => thoughts(message, field === '' ? 'reasoning_content' : field) }),
    explain,
  };
}

/** Servers want a thought back where a tool's result follows it, and refuse it elsewhere. */
function thoughts(message: Message, field: string): JsonObject {
  const text = callsTools(message) ? ownThoughts(message, TYPE) : '';
  return text === '' ? {} : { [field]: text };
}

/** A server that does not know how usage is asked for says so in its own words; the way out is ours to tell. */
function explain(error: ProviderError, { instance }: GenerateRequest): ProviderError {
  const refused = (error.httpStatus === 400 || error.httpStatus === 422) && /stream_options|include_usage/.test(error.message);
  if (!refused) return error;
  const where = instance === undefined ? 'the provider' : `the provider "${instance.name}"`;
  return new ProviderError(error.errorClass, clip(`the server does not take stream_options: set include_usage to "off" for ${where} (${error.message})`, 512), error);
}

/** Whoever sets these says how the request is framed, or to whom it goes. */
const NO_KEY_HEADERS: ReadonlySet<string> = new Set(['host', 'content-length', 'transfer-encoding', 'connection']);

function headers({ settings }: Instance, key: string): Readonly<Record<string, string>> {
  if (key === '') return {};
  const name = (settings['auth_header'] || 'authorization').toLowerCase();
  if (NO_KEY_HEADERS.has(name)) throw unsupported('instance.settings.auth_header', `the header ${name} cannot hold a key`);
  const scheme = settings['auth_scheme'] || (name === 'authorization' ? 'Bearer' : 'none');
  return { [name]: scheme === 'none' ? key : `${scheme} ${key}` };
}

function modelsPath({ settings }: Instance): string {
  const path = settings['models_path'] || '/models';
  if (!path.startsWith('/')) throw unsupported('instance.settings.models_path', 'it does not begin with a slash');
  return path;
}

const chat = openaiChatProvider({
  manifest: Manifest.fromPartial({
    type: TYPE,
    displayName: 'OpenAI-compatible server',
    description: "Any server that speaks OpenAI's chat completions, such as vLLM, llama.cpp or LM Studio.",
    docsUrl: 'https://platform.openai.com/docs/api-reference/chat',
    version: '0.1.0',
    key: { required: true },
    settings: [
      { name: 'key_required', type: Setting_Type.BOOL, description: 'Whether the server wants a key.', defaultValue: 'true' },
      { name: 'max_tokens_field', type: Setting_Type.STRING, description: 'The field for the most tokens of an answer, e.g. max_completion_tokens.', defaultValue: 'max_tokens' },
      {
        name: 'include_usage',
        type: Setting_Type.ENUM,
        description: 'Whether usage is asked for with stream_options. "auto" does, unless strict_fields is set.',
        values: ['auto', 'on', 'off'],
        defaultValue: 'auto',
      },
      { name: 'reasoning_field', type: Setting_Type.STRING, description: "Where the model's thoughts stand. Empty reads reasoning_content and reasoning." },
      {
        name: 'strict_fields',
        type: Setting_Type.BOOL,
        description: "Whether the server refuses fields that it does not know: nothing beyond OpenAI's own is sent, and neither seed nor thoughts.",
        defaultValue: 'false',
      },
      { name: 'auth_header', type: Setting_Type.STRING, description: 'The header that holds the key.', defaultValue: 'authorization' },
      { name: 'auth_scheme', type: Setting_Type.STRING, description: 'The word before the key, or "none". Empty is Bearer in the authorization header and none in others.' },
      { name: 'models_path', type: Setting_Type.STRING, description: 'Where the models are listed, behind the base URL.', defaultValue: '/models' },
    ],
  }),
  dialect,
  headers,
  modelsPath,
});

/** Any server that speaks OpenAI's chat completions. */
export const openaiCompatible: Provider = { ...chat, embed: openaiEmbed({ type: TYPE, headers }) };
