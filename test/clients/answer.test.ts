import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FinishReason, Message, Role } from '../../src/gen/tollgate/v1/content.ts';
import { GenerateResponse } from '../../src/gen/tollgate/v1/generate_service.ts';
import { collectAnswer } from '../../src/clients/typescript/answer.ts';

type Event = NonNullable<GenerateResponse['event']>;
type PartialEvent = NonNullable<Parameters<typeof GenerateResponse.fromPartial>[0]['event']>;

function event(partial: PartialEvent): Event {
  return GenerateResponse.fromPartial({ event: partial }).event!;
}

/** Any text, cut into any pieces. */
const pieces = fc.array(fc.string({ unit: 'grapheme', maxLength: 5 }), { minLength: 1, maxLength: 6 }).filter((list) => list.join('') !== '');
const json = fc.constantFrom('{"a":1}', '{ "b" : [2] }');

interface Streamed {
  readonly part: Message['parts'][number];
  readonly deltas: (part: number) => Event[];
}

const streamedText = fc.record({ refusal: fc.boolean(), pieces }).map(({ refusal, pieces: texts }): Streamed => ({
  part: Message.fromPartial({ parts: [{ part: { $case: refusal ? 'refusal' : 'text', value: texts.join('') } }] }).parts[0]!,
  deltas: (part) => texts.map((text) => event({ $case: 'textDelta', value: { part, text, refusal } })),
}));

const streamedReasoning = fc.record({ pieces, signatures: fc.array(fc.string({ minLength: 1 }), { maxLength: 2 }), redacted: fc.uint8Array({ maxLength: 4 }), metadata: json })
  .map(({ pieces: texts, signatures, redacted, metadata }): Streamed => ({
    part: Message.fromPartial({
      parts: [{
        part: { $case: 'reasoning', value: { text: texts.join(''), signature: signatures.at(-1) ?? '', redactedData: Buffer.from(redacted), providerType: 'anthropic' } },
        providerMetadataJson: { anthropic: metadata },
      }],
    }).parts[0]!,
    deltas: (part) => [
      ...texts.map((text) => event({ $case: 'reasoningDelta', value: { part, text, providerMetadataJson: { anthropic: '"overwritten"' } } })),
      ...signatures.map((signature) => event({ $case: 'reasoningDelta', value: { part, signature } })),
      event({ $case: 'reasoningDelta', value: { part, redactedData: Buffer.from(redacted), providerMetadataJson: { anthropic: metadata } } }),
    ],
  }));

const streamedToolCall = fc.record({ id: fc.string({ minLength: 1 }), name: fc.string({ minLength: 1 }), pieces })
  .map(({ id, name, pieces: fragments }): Streamed => ({
    part: Message.fromPartial({ parts: [{ part: { $case: 'toolCall', value: { id, name, argumentsJson: fragments.join('') } } }] }).parts[0]!,
    deltas: (part) => fragments.map((argumentsJsonFragment, index) => event({
      $case: 'toolCallDelta', value: { part, argumentsJsonFragment, id: index === 0 ? id : '', name: index === 0 ? name : '' },
    })),
  }));

const streamed = fc.array(fc.oneof(streamedText, streamedReasoning, streamedToolCall), { maxLength: 5 });

/** Mixes lists in an order that `choose` picks; each list keeps its own. */
function interleave(lists: Event[][], choose: () => number): Event[] {
  const left = lists.map((list) => [...list]).filter((list) => list.length > 0);
  const mixed: Event[] = [];
  while (left.length > 0) {
    const index = choose() % left.length;
    mixed.push(left[index]!.shift()!);
    if (left[index]!.length === 0) left.splice(index, 1);
  }
  return mixed;
}

describe('collectAnswer', () => {
  it('puts any parts back together, however they were cut and mixed', () => {
    fc.assert(fc.property(streamed, fc.infiniteStream(fc.nat(20)), (parts, choices) => {
      const answer = collectAnswer();
      answer.add(event({ $case: 'attemptStarted', value: { provider: 'work', providerType: 'anthropic' } }));
      for (const delta of interleave(parts.map(({ deltas }, index) => deltas(index)), () => choices.next().value)) answer.add(delta);
      expect(answer.message()).toEqual({ role: Role.ASSISTANT, parts: parts.map(({ part }) => part) });
      const text = parts.map(({ part }) => (part.part?.$case === 'text' ? part.part.value : '')).join('');
      expect(answer.text()).toBe(text);
    }));
  });

  it('marks reasoning with the plugin type that answered, not with the name of its instance or one that failed before', () => {
    const answer = collectAnswer();
    answer.add(event({ $case: 'attemptStarted', value: { provider: 'openrouter', providerType: 'openrouter' } }));
    answer.add(event({ $case: 'attemptFailed', value: { provider: 'openrouter', reason: 'RATE_LIMITED' } }));
    answer.add(event({ $case: 'attemptStarted', value: { provider: 'work', providerType: 'anthropic' } }));
    answer.add(event({ $case: 'reasoningDelta', value: { part: 0, text: 'Hm.' } }));
    expect(answer.message().parts[0]?.part).toMatchObject({ value: { text: 'Hm.', providerType: 'anthropic' } });
  });

  it('gives a tool call without arguments an empty object', () => {
    const answer = collectAnswer();
    answer.add(event({ $case: 'toolCallDelta', value: { part: 0, id: 'call_1', name: 'now' } }));
    expect(answer.message().parts[0]?.part).toEqual({ $case: 'toolCall', value: { id: 'call_1', name: 'now', argumentsJson: '{}' } });
  });

  it('leaves out a text that stayed empty, which providers refuse when it comes back', () => {
    const answer = collectAnswer();
    answer.add(event({ $case: 'textDelta', value: { part: 0, text: '' } }));
    answer.add(event({ $case: 'toolCallDelta', value: { part: 1, id: 'call_1', name: 'now', argumentsJsonFragment: '{}' } }));
    expect(answer.message().parts).toHaveLength(1);
  });

  it('gives messages that later deltas do not change', () => {
    const answer = collectAnswer();
    answer.add(event({ $case: 'textDelta', value: { part: 0, text: 'one' } }));
    const before = answer.message();
    answer.add(event({ $case: 'textDelta', value: { part: 0, text: ' two' } }));
    expect(before.parts[0]?.part).toEqual({ $case: 'text', value: 'one' });
  });

  it('knows no finish until it came', () => {
    const answer = collectAnswer();
    expect(answer.finish()).toBeUndefined();
    answer.add(event({ $case: 'finish', value: { finishReason: FinishReason.STOP } }));
    expect(answer.finish()?.finishReason).toBe(FinishReason.STOP);
  });
});
