import { canaryKey, type Canary } from './canary.ts';

/** A provider as the canary tests ask it: one for each plugin and each of its ways to ask. */
export interface EchoedProvider {
  /** The instance. */
  readonly name: string;
  readonly type: string;
  readonly model: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly key: Canary;
  /** Its answers in `test/fixtures`. */
  readonly text: string;
  readonly toolCall: string;
  readonly embeds: boolean;
  /** Words of its answers that go back to it byte for byte. */
  readonly sealed: readonly string[];
}

type Fields = Partial<Pick<EchoedProvider, 'type' | 'model' | 'settings' | 'text' | 'toolCall' | 'embeds' | 'sealed'>> & { readonly signs?: string };

function provider(name: string, prefix: string, fields: Fields = {}): EchoedProvider {
  const { type = name, model = 'some-model', settings = {}, text = `${type}/text.sse`, toolCall = `${type}/tool-call.sse`, embeds = false, sealed = [], signs } = fields;
  return { name, type, model, settings, key: canaryKey(prefix, name, signs), text, toolCall, embeds, sealed };
}

const account = { account_id: '0123456789abcdef0123456789abcdef' };

export const PROVIDERS: readonly EchoedProvider[] = [
  provider('anthropic', 'sk-ant-api03-'),
  provider('azure', 'azurekey', { embeds: true }),
  provider('azure-deployments', 'azurekey', { type: 'azure', settings: { api: 'deployments' } }),
  provider('cloudflare', 'cf-token', { settings: { ...account, api: 'openai' }, toolCall: 'cloudflare/text.sse', embeds: true }),
  provider('cloudflare-native', 'cf-token', { type: 'cloudflare', settings: { ...account, api: 'native' }, text: 'cloudflare/native-text.sse', toolCall: 'cloudflare/tool-call.json' }),
  provider('deepseek', 'sk-'),
  provider('google', 'AIza', { embeds: true }),
  provider('groq', 'gsk_'),
  provider('mistral', 'ms', { embeds: true }),
  provider('ollama', 'ol', { text: 'ollama/text.ndjson', toolCall: 'ollama/tool-call.ndjson', embeds: true }),
  provider('openai', 'sk-proj-', { model: 'gpt-4o', embeds: true }),
  provider('openai-responses', 'sk-proj-', { type: 'openai', settings: { api: 'responses' }, text: 'openai/responses-text.sse', toolCall: 'openai/responses-tool-call.sse', sealed: ['id'] }),
  // Signs that are written in another way in addresses and in JSON.
  provider('openai-compatible', 'any-', { signs: '+/"=', embeds: true }),
  provider('openrouter', 'sk-or-v1-'),
  provider('together', 'tgp_', { embeds: true }),
  provider('xai', 'xai-'),
];

/** The `providers` of a config that asks each of them at its own place. */
export const providersAt = (urlOf: (name: string) => string): Readonly<Record<string, object>> =>
  Object.fromEntries(PROVIDERS.map(({ name, type, settings }) => [name, { type, base_url: `${urlOf(name)}/${name}`, settings }]));
