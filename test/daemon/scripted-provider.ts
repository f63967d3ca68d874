import type { CallContext, GenerateRequest, Manifest, Provider, ProviderEvent } from '../../src/plugins/provider.ts';
import { finish, started, textDelta } from '../../src/plugins/provider.ts';
import { CheckKeyResponse_Verdict, Manifest as ManifestMessage } from '../../src/gen/tollgate/provider/v1/provider_service.ts';
import { FinishReason, TokenUsage } from '../../src/gen/tollgate/v1/content.ts';

export type Script = (request: GenerateRequest, context: CallContext) => AsyncIterable<ProviderEvent>;

export interface ScriptedProvider extends Provider {
  /** Every request that came, in order. */
  readonly requests: GenerateRequest[];
}

export const say = (text: string, part = 0): ProviderEvent => textDelta({ part, text, refusal: false, providerMetadataJson: {} });

export const done = (usage?: Partial<TokenUsage>): ProviderEvent =>
  finish({
    finishReason: FinishReason.STOP,
    rawFinishReason: 'stop',
    responseModel: 'scripted-1',
    usage: usage === undefined ? undefined : TokenUsage.fromPartial(usage),
    reportedCostPicoUsd: undefined,
    providerRequestId: '',
  });

/** Answers "hello" in two pieces. */
export async function* hello(): AsyncGenerator<ProviderEvent> {
  yield started();
  yield say('hel');
  yield say('lo');
  yield done({ inputTokens: 3n, outputTokens: 2n });
}

/** An in-process provider that does what a test says: for the daemon's own behaviour, where no wire is involved. */
export function scriptedProvider(type: string, script: Script, manifest: Partial<Manifest> = {}): ScriptedProvider {
  const requests: GenerateRequest[] = [];
  return {
    requests,
    manifest: ManifestMessage.fromPartial({ type, displayName: type, description: type, docsUrl: 'https://example.invalid', isLocal: true, version: '1', defaultModel: 'default-model', defaultBaseUrl: manifest.isLocal === false ? 'https://example.invalid' : '', ...manifest }),
    generate(request, context) {
      requests.push(request);
      return script(request, context);
    },
    listModels: async () => ['b-model', 'a-model'].map((model) => ({ model, displayName: '', contextWindow: undefined, maxOutputTokens: undefined, inputModalities: [], capabilities: [], refuses: [] })),
    checkKey: async () => ({ verdict: CheckKeyResponse_Verdict.UNKNOWN, message: '', checkedWith: '' }),
  };
}
