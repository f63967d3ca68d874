import type { DeepPartial, GenerateRequest } from '../../src/gen/tollgate/v1/generate_service.ts';
import { ask, part, userSays } from '../daemon/test-daemon.ts';
import type { RecordedCase } from './cases.ts';

/** A model of each provider, for answers that do not say whose they are. */
const MODELS: Readonly<Record<string, string>> = {
  ollama: 'llama3.2:3b',
  together: 'meta-llama/Llama-3.3-70B-Instruct-Turbo',
  cloudflare: '@cf/meta/llama-3.3-70b-instruct-fp8-fast',
  openrouter: 'openai/gpt-4.1-mini',
  openai: 'gpt-4o-mini',
  anthropic: 'claude-haiku-4-5',
  google: 'gemini-2.5-flash',
  groq: 'llama-3.3-70b-versatile',
  mistral: 'mistral-small-latest',
  deepseek: 'deepseek-v4-flash',
  xai: 'grok-4-1-fast-non-reasoning',
  azure: 'my-deployment',
  generic: 'some-model',
};

const PIXEL = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
const SCHEMA = '{"type":"object","properties":{"answer":{"type":"string"}},"required":["answer"],"additionalProperties":false}';

const ACCOUNT = '0123456789abcdef0123456789abcdef';

/** The provider of the config that a case needs: its plugin and settings. */
export function providerFor({ folder, expected }: RecordedCase): { readonly type: string; readonly settings: Readonly<Record<string, string>> } {
  if (folder === 'generic' || (folder === 'ollama' && expected.api === 'openai_chat')) return { type: 'openai-compatible', settings: {} };
  if (expected.api === 'openai_responses') return { type: 'openai', settings: { api: 'responses' } };
  if (folder === 'openai' && expected.api === 'openai_chat') return { type: folder, settings: { api: 'chat' } };
  if (folder === 'cloudflare') return { type: folder, settings: { account_id: ACCOUNT } };
  return { type: folder, settings: {} };
}

/** The model that a case's answer is of. */
export const modelFor = ({ folder, askedModel, expected }: RecordedCase): string => askedModel ?? expected.model ?? MODELS[folder] ?? '';

/** A request that such an answer can belong to. */
export function requestFor(recorded: RecordedCase, instance: string): GenerateRequest {
  const { kinds, expected } = recorded;
  const tools = [...new Set(expected.tool_calls.map(({ name }) => name))];
  const content: DeepPartial<GenerateRequest> = {
    model: `${instance}/${modelFor(recorded)}`,
    messages: [userSays('Answer this.')],
    tools: tools.map((name) => ({ name, description: 'A tool.', parametersJson: '{"type":"object"}' })),
  };
  if (kinds.includes('image-input')) {
    const image = part({ $case: 'image', value: { source: { $case: 'data', value: PIXEL }, mediaType: 'image/png' } });
    content.messages = [{ ...userSays('What is this?'), parts: [part({ $case: 'text', value: 'What is this?' }), image] }];
  }
  if (kinds.includes('structured')) content.responseFormat = { format: { $case: 'jsonSchema', value: { name: 'answer', schemaJson: SCHEMA } } };
  if (kinds.includes('stop-sequence')) content.stopSequences = ['```'];
  return ask(content);
}
