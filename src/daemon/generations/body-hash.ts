import { createHash } from 'node:crypto';
import { GenerateRequest } from '../../gen/tollgate/v1/generate_service.ts';

type Words = Readonly<Record<string, string>>;

/** A map comes in whatever order its sender has it. */
const sorted = (map: Words): Record<string, string> => Object.fromEntries(Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1)));

/** The same for requests that ask the same, whatever client encoded them. */
export function bodyHash(request: GenerateRequest): string {
  const canonical: GenerateRequest = {
    ...request,
    messages: request.messages.map((message) => ({ ...message, parts: message.parts.map((part) => ({ ...part, providerMetadataJson: sorted(part.providerMetadataJson) })) })),
    labels: sorted(request.labels),
    providerOptionsJson: sorted(request.providerOptionsJson),
  };
  return createHash('sha256').update(GenerateRequest.encode(canonical).finish()).digest('base64url');
}
