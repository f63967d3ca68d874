import { describe, expect, test } from 'vitest';
import { joinDeltas } from '../../../src/plugins/kit/join-deltas.ts';
import { Parts } from '../../../src/plugins/kit/parts.ts';

describe('deltas that arrived together', () => {
  test('are joined where they belong to one part', () => {
    const parts = new Parts();
    const events = [
      parts.reasoning({ text: 'a' }),
      parts.reasoning({ text: 'b' }),
      parts.text('c'),
      parts.text('d'),
      parts.text('e', { refusal: true }),
      ...parts.toolCall({ index: 0, id: 'x', name: 'f', fragment: '{' }),
      ...parts.toolCall({ index: 0, fragment: '}' }),
      ...parts.toolCall({ index: 1, id: 'y', name: 'g', fragment: '{}' }),
    ];
    expect(joinDeltas(events)).toMatchObject([
      { $case: 'reasoningDelta', value: { part: 0, text: 'ab' } },
      { $case: 'textDelta', value: { part: 1, text: 'cd', refusal: false } },
      { $case: 'textDelta', value: { part: 2, text: 'e', refusal: true } },
      { $case: 'toolCallDelta', value: { part: 3, id: 'x', name: 'f', argumentsJsonFragment: '{}' } },
      { $case: 'toolCallDelta', value: { part: 4, id: 'y', name: 'g', argumentsJsonFragment: '{}' } },
    ]);
  });

  test('stay apart where one has metadata, a signature or hidden data', () => {
    const parts = new Parts();
    const events = [
      parts.text('a'),
      parts.text('b', { metadata: { x: '1' } }),
      parts.text('c'),
      parts.reasoning({ text: 'd', signature: 's' }),
      parts.reasoning({ text: 'e' }),
      parts.reasoning({ redactedData: Buffer.from('f') }),
    ];
    expect(joinDeltas(events)).toHaveLength(6);
  });
});
