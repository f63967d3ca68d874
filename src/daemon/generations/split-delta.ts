import type { GenerateEvent } from '../routing/generation.ts';

/** How much text a delta holds, in UTF-16 units. */
export function textLength(event: GenerateEvent): number {
  switch (event.$case) {
    case 'textDelta':
    case 'reasoningDelta':
      return event.value.text.length;
    case 'toolCallDelta':
      return event.value.argumentsJsonFragment.length;
    default:
      return 0;
  }
}

function cut(text: string, max: number): [string, string] {
  const unit = text.charCodeAt(max - 1);
  // Never between the two halves of a character.
  const at = unit >= 0xd800 && unit <= 0xdbff ? max - 1 : max;
  return [text.slice(0, at), text.slice(at)];
}

/** Cuts a delta whose text is longer than `max` into several. Id, name, signature and metadata go with the first. */
export function splitDelta(event: GenerateEvent, max: number): readonly GenerateEvent[] {
  if (textLength(event) <= max) return [event];
  switch (event.$case) {
    case 'textDelta': {
      const [head, rest] = cut(event.value.text, max);
      const value = event.value;
      return [{ $case: 'textDelta', value: { ...value, text: head } }, ...splitDelta({ $case: 'textDelta', value: { ...value, text: rest, providerMetadataJson: {} } }, max)];
    }
    case 'reasoningDelta': {
      const [head, rest] = cut(event.value.text, max);
      const tail = { ...event.value, text: rest, signature: '', redactedData: Buffer.alloc(0), providerMetadataJson: {} };
      return [{ $case: 'reasoningDelta', value: { ...event.value, text: head } }, ...splitDelta({ $case: 'reasoningDelta', value: tail }, max)];
    }
    case 'toolCallDelta': {
      const [head, rest] = cut(event.value.argumentsJsonFragment, max);
      const tail = { ...event.value, id: '', name: '', argumentsJsonFragment: rest, providerMetadataJson: {} };
      return [{ $case: 'toolCallDelta', value: { ...event.value, argumentsJsonFragment: head } }, ...splitDelta({ $case: 'toolCallDelta', value: tail }, max)];
    }
    default:
      return [event];
  }
}
