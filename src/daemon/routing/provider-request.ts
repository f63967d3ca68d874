import type { GenerateRequest as ProviderGenerateRequest } from '../../gen/tollgate/provider/v1/provider_service.ts';
import type { Message, Part } from '../../gen/tollgate/v1/content.ts';
import type { GenerateRequest } from '../../gen/tollgate/v1/generate_service.ts';
import type { ProviderKey } from '../keys/secrets.ts';
import type { Candidate } from './resolve-model.ts';

function ownMetadata(metadata: Readonly<Record<string, string>>, type: string): Record<string, string> {
  const own = Object.hasOwn(metadata, type) ? metadata[type] : undefined;
  return own === undefined ? {} : { [type]: own };
}

/** Clients that only know the instance's name mark reasoning with that. */
const isOwn = ({ part }: Part, type: string, name: string): boolean => part?.$case !== 'reasoning' || part.value.providerType === type || part.value.providerType === name;

function messageFor(message: Message, type: string, name: string): Message {
  const parts = message.parts.filter((part) => isOwn(part, type, name)).map((part) => ({ ...part, providerMetadataJson: ownMetadata(part.providerMetadataJson, type) }));
  return { ...message, parts };
}

/** What one plugin gets to see of a request: its own metadata, options and reasoning, and nobody else's. */
export function providerRequest(request: GenerateRequest, { instance, model }: Candidate, key: ProviderKey | undefined): ProviderGenerateRequest {
  const { type } = instance.provider.manifest;
  return {
    instance: instance.instance,
    key: key?.secret.reveal() ?? '',
    model,
    messages: request.messages.map((message) => messageFor(message, type, instance.name)).filter(({ parts }) => parts.length > 0),
    maxOutputTokens: request.maxOutputTokens,
    temperature: request.temperature,
    topP: request.topP,
    topK: request.topK,
    stopSequences: request.stopSequences,
    seed: request.seed,
    tools: request.tools,
    toolChoice: request.toolChoice,
    responseFormat: request.responseFormat,
    reasoning: request.reasoning,
    providerOptionsJson: ownMetadata(request.providerOptionsJson, type),
  };
}
