import { Provider } from '../../src/gen/tollgate/v1/keys_service.ts';
import { keyNames } from '../../src/clients/cli/key-names.ts';

const provider = (name: string, envName: string, setting?: string): Provider => Provider.fromPartial({
  name, type: name, displayName: name, keys: [{ envName }],
  availableSettings: setting === undefined ? [] : [{ name: setting, required: true }, { name: 'api', required: false }],
});

/** The names of a few providers, as the daemon tells them. */
export const names = keyNames([
  provider('anthropic', 'ANTHROPIC_API_KEY'), provider('cloudflare', 'CLOUDFLARE_API_TOKEN', 'account_id'), provider('google', 'GEMINI_API_KEY'),
  provider('openai', 'OPENAI_API_KEY'), provider('openai-compatible', ''), provider('openrouter', ''), provider('together', 'TOGETHER_API_KEY'),
  provider('work', 'WORK_ANTHROPIC_KEY'),
]);
