import type { GenerateEvent } from '../routing/generation.ts';

const isEmpty = (metadata: Readonly<Record<string, string>>): boolean => {
  for (const _name in metadata) return false;
  return true;
};

/**
 * Joins a delta to the one before it, when both are plain text of the same part. Returns undefined when they must stay apart: of
 * different parts, or with a signature, redacted data or metadata.
 */
export function joinDeltas(before: GenerateEvent, after: GenerateEvent): GenerateEvent | undefined {
  if (before.$case === 'textDelta' && after.$case === 'textDelta') {
    const [a, b] = [before.value, after.value];
    if (a.part !== b.part || a.refusal !== b.refusal || !isEmpty(a.providerMetadataJson) || !isEmpty(b.providerMetadataJson)) return undefined;
    return { $case: 'textDelta', value: { part: a.part, text: a.text + b.text, refusal: a.refusal, providerMetadataJson: a.providerMetadataJson } };
  }
  if (before.$case === 'reasoningDelta' && after.$case === 'reasoningDelta') {
    const [a, b] = [before.value, after.value];
    const plain = [a, b].every((delta) => delta.signature === '' && delta.redactedData.length === 0 && isEmpty(delta.providerMetadataJson));
    return plain && a.part === b.part ? { $case: 'reasoningDelta', value: { ...a, text: a.text + b.text } } : undefined;
  }
  if (before.$case === 'toolCallDelta' && after.$case === 'toolCallDelta') {
    const [a, b] = [before.value, after.value];
    const goesOn = a.part === b.part && b.id === '' && b.name === '' && isEmpty(a.providerMetadataJson) && isEmpty(b.providerMetadataJson);
    return goesOn ? { $case: 'toolCallDelta', value: { ...a, argumentsJsonFragment: a.argumentsJsonFragment + b.argumentsJsonFragment } } : undefined;
  }
  return undefined;
}

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
