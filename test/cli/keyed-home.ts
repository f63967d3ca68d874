import { CheckKeyResponse_Verdict } from '../../src/gen/tollgate/provider/v1/provider_service.ts';
import type { Manifest } from '../../src/plugins/provider.ts';
import { hello, scriptedProvider, type ScriptedProvider } from '../daemon/scripted-provider.ts';
import { testDaemon, type TestDaemon } from '../daemon/test-daemon.ts';

/** A key that a keyed provider takes. What a test shows of it is at most its end. */
export const goodKey = 'sk-canary-4f8a1c7e92-WXYZ';
export const otherKey = 'sk-canary-0b6d3e5a18-QRST';
/** One that it refuses. */
export const refusedKey = 'sk-refused-77aa55cc33-BAAD';

/** Needs a key, and refuses those that say so. */
export function keyed(type: string, manifest: Partial<Manifest> = {}): ScriptedProvider {
  const key = { required: true, format: '^sk-', envNames: [`${type.toUpperCase()}_API_KEY`] };
  const provider = scriptedProvider(type, hello, { isLocal: false, key, ...manifest });
  provider.checkKey = async ({ key: given }) => {
    const isGood = !given.includes('refused');
    return { verdict: isGood ? CheckKeyResponse_Verdict.VALID : CheckKeyResponse_Verdict.INVALID, message: isGood ? '' : 'Unknown key.', checkedWith: 'GET /v1/models' };
  };
  return provider;
}

export const accountSetting: Partial<Manifest> = {
  settings: [{ name: 'account_id', type: 1, description: 'The id of the account.', required: true, envNames: [], defaultValue: '', values: [] }],
};

export interface KeyedHome extends TestDaemon {
  readonly home: string;
}

export async function keyedHome(providers: readonly ScriptedProvider[], variables: Readonly<Record<string, string>> = {}): Promise<KeyedHome> {
  const started = await testDaemon({ providers, variables });
  return { ...started, home: started.environment.variables['TOLLGATE_HOME'] ?? '' };
}
