import type { ProviderEvent } from '../provider.ts';

/** Joins neighbouring pieces of one text or thought: what arrived together leaves as one event. Changes the events given. */
export function joinDeltas(events: readonly ProviderEvent[]): readonly ProviderEvent[] {
  if (events.length < 2) return events;
  const joined: ProviderEvent[] = [];
  let last: ProviderEvent | undefined;
  for (const event of events) {
    if (last !== undefined && join(last, event)) continue;
    joined.push(event);
    last = event;
  }
  return joined;
}

function join(last: ProviderEvent, next: ProviderEvent): boolean {
  if (last.$case === 'textDelta' && next.$case === 'textDelta') {
    if (last.value.part !== next.value.part || hasMetadata(last.value) || hasMetadata(next.value)) return false;
    last.value.text += next.value.text;
    return true;
  }
  if (last.$case === 'reasoningDelta' && next.$case === 'reasoningDelta') {
    if (last.value.part !== next.value.part || isMarked(last.value) || isMarked(next.value)) return false;
    last.value.text += next.value.text;
    return true;
  }
  if (last.$case === 'toolCallDelta' && next.$case === 'toolCallDelta') {
    if (last.value.part !== next.value.part || hasMetadata(last.value) || hasMetadata(next.value)) return false;
    last.value.argumentsJsonFragment += next.value.argumentsJsonFragment;
    return true;
  }
  return false;
}

function hasMetadata({ providerMetadataJson }: { readonly providerMetadataJson: Readonly<Record<string, string>> }): boolean {
  for (const _ in providerMetadataJson) return true;
  return false;
}

const isMarked = (value: { readonly signature: string; readonly redactedData: Uint8Array; readonly providerMetadataJson: Readonly<Record<string, string>> }): boolean =>
  value.signature !== '' || value.redactedData.length > 0 || hasMetadata(value);
