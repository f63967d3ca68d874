import type { GenerateEvent } from '../routing/generation.ts';
import { textLength } from './split-delta.ts';

/** What an event takes beside its words. */
const EVENT_BYTES = 256;
const ATTEMPT_BYTES = 512;

function mapLength(map: Readonly<Record<string, string>>): number {
  let length = 0;
  for (const key in map) length += key.length + (map[key]?.length ?? 0);
  return length;
}

function wordsOf(event: GenerateEvent): number {
  switch (event.$case) {
    case 'textDelta':
      return mapLength(event.value.providerMetadataJson);
    case 'reasoningDelta':
      return event.value.signature.length + event.value.redactedData.length + mapLength(event.value.providerMetadataJson);
    case 'toolCallDelta':
      return event.value.id.length + event.value.name.length + mapLength(event.value.providerMetadataJson);
    case 'attemptFailed':
      return event.value.message.length;
    case 'finish':
      return event.value.attempts.length * ATTEMPT_BYTES;
    default:
      return 0;
  }
}

/** About how many bytes an event takes while it is held. */
export const eventWeight = (event: GenerateEvent): number => EVENT_BYTES + textLength(event) + wordsOf(event);
