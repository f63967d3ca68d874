import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Parts, type ToolCallPiece } from '../../../src/plugins/kit/parts.ts';
import { ErrorClass, finish, started, type ProviderEvent } from '../../../src/plugins/provider.ts';
import { collectAnswer, type CollectedAnswer } from '../../collect-answer.ts';

async function* stream(events: readonly ProviderEvent[]): AsyncGenerator<ProviderEvent> {
  yield started();
  yield* events;
  yield finish({ finishReason: 1, rawFinishReason: '', responseModel: '', usage: undefined, providerRequestId: '' });
}

/** The tool calls that pieces make. */
function callsOf(...pieces: readonly ToolCallPiece[]): Promise<CollectedAnswer> {
  const parts = new Parts();
  return collectAnswer(stream([...pieces.flatMap((piece) => parts.toolCall(piece)), ...parts.completeToolCalls()]));
}

const made = async (...pieces: readonly ToolCallPiece[]): Promise<unknown> => {
  const { toolCalls, parts } = await callsOf(...pieces);
  const ids = toolCalls.map((call) => call.id);
  expect(ids).not.toContain('');
  expect(new Set(ids).size).toBe(ids.length);
  expect(parts.map((part) => part.index)).toEqual(parts.map((_, index) => index));
  return toolCalls.map((call) => [call.id.startsWith('call_') && call.id.length > 20 ? 'made' : call.id, call.name, call.arguments]);
};

describe('tool calls', () => {
  test('come together from pieces in any order between calls', async () => {
    const call = fc.record({ name: fc.stringMatching(/^[a-z]{1,8}$/), args: fc.json() });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 4 }), fc.nat(3), fc.array(fc.nat(), { maxLength: 60 }), async (calls, firstIndex, order) => {
        const queues = calls.map(({ name, args }, at) => {
          const index = firstIndex + at;
          const pieces: ToolCallPiece[] = [{ index, id: `id-${at}`, name, fragment: '' }];
          for (let from = 0; from < args.length; from += 3) pieces.push({ index, id: '', name: '', fragment: args.slice(from, from + 3) });
          return pieces;
        });
        // The first pieces come in order, as providers send them; the rest is mixed.
        const mixed = queues.flatMap((queue) => queue.splice(0, 1));
        for (const pick of order) mixed.push(...(queues[pick % queues.length]?.splice(0, 1) ?? []));
        for (const queue of queues) mixed.push(...queue);
        expect(await made(...mixed)).toEqual(calls.map(({ name, args }, at) => [`id-${at}`, name, args]));
      }),
    );
  });

  test.each<[string, readonly ToolCallPiece[], unknown]>([
    ['an index from 1', [{ index: 1, id: 'a', name: 'x', fragment: '{"q":' }, { index: 1, fragment: '1}' }], [['a', 'x', '{"q":1}']]],
    ['no index, and an id each time', [{ id: 'a', name: 'x', fragment: '{' }, { id: 'b', name: 'y', fragment: '{}' }, { id: 'a', fragment: '}' }], [['a', 'x', '{}'], ['b', 'y', '{}']]],
    ['neither index nor id', [{ name: 'x', fragment: '{' }, { fragment: '}' }, { name: 'y', fragment: '[]' }], [['made', 'x', '{}'], ['made', 'y', '[]']]],
    ['the index 0 for all, told apart by ids', [{ index: 0, id: 'a', name: 'x', fragment: '{}' }, { index: 0, id: 'b', name: 'x', fragment: '[]' }], [['a', 'x', '{}'], ['b', 'x', '[]']]],
    ['the index 0 for all, told apart by names', [{ index: 0, name: 'x', fragment: '{}' }, { index: 0, name: 'y', fragment: '[]' }], [['made', 'x', '{}'], ['made', 'y', '[]']]],
    ['one id for two calls with indexes', [{ index: 0, id: 'a', name: 'x', fragment: '{}' }, { index: 1, id: 'a', name: 'x', fragment: '[]' }], [['a', 'x', '{}'], ['made', 'x', '[]']]],
    ['one id for two calls of two tools', [{ id: 'a', name: 'x', fragment: '{}' }, { id: 'a', name: 'y', fragment: '[]' }], [['a', 'x', '{}'], ['made', 'y', '[]']]],
    ['the id and name again in each piece', [{ index: 0, id: 'a', name: 'x', fragment: '{' }, { index: 0, id: 'a', name: 'x', fragment: '}' }], [['a', 'x', '{}']]],
    ['an empty id', [{ index: 0, id: '', name: 'x', fragment: '{}' }], [['made', 'x', '{}']]],
    ['an empty name in later pieces', [{ index: 0, id: 'a', name: 'x' }, { index: 0, id: '', name: '', fragment: '{}' }], [['a', 'x', '{}']]],
    ['a name in a later piece', [{ index: 0, id: 'a', fragment: '{"q"' }, { index: 0, name: 'x', fragment: ':1}' }], [['a', 'x', '{"q":1}']]],
    ['id and name in a later piece', [{ index: 0, fragment: '{' }, { index: 0, id: 'a', name: 'x', fragment: '}' }], [['a', 'x', '{}']]],
    ['no arguments', [{ index: 0, id: 'a', name: 'x' }, { index: 0, fragment: '' }, { index: 1, id: 'b', name: 'y', fragment: '' }], [['a', 'x', '{}'], ['b', 'y', '{}']]],
    ['broken arguments', [{ index: 0, id: 'a', name: 'x', fragment: '{"q": ' }], [['a', 'x', '{"q": ']]],
    ['arguments that are JSON before their end', [{ index: 0, id: 'a', name: 'x', fragment: '1' }, { index: 0, fragment: '2' }], [['a', 'x', '12']]],
  ])('with %s come together', async (_oddity, pieces, calls) => {
    expect(await made(...pieces)).toEqual(calls);
  });

  test('are not told before their names are known, and not at all without one', () => {
    const parts = new Parts();
    expect(parts.toolCall({ index: 0, id: 'a', fragment: '{' })).toEqual([]);
    expect(() => parts.completeToolCalls()).toThrow(expect.objectContaining({ errorClass: ErrorClass.INVALID_RESPONSE }));
  });

  test('without end are refused', () => {
    const parts = new Parts();
    expect(() => {
      for (let index = 0; index <= 1024; index++) parts.toolCall({ index, id: `id-${index}`, name: 'x' });
    }).toThrow(expect.objectContaining({ errorClass: ErrorClass.INVALID_RESPONSE }));
  });

  test('whose name does not come, while their arguments have no end, are refused', () => {
    const parts = new Parts();
    const fragment = 'x'.repeat(64 * 1024);
    expect(() => {
      for (let n = 0; n <= 16; n++) expect(parts.toolCall({ index: 0, fragment })).toEqual([]);
    }).toThrow(expect.objectContaining({ errorClass: ErrorClass.INVALID_RESPONSE }));
  });

  test('carry metadata with the piece that brings it', async () => {
    const { parts } = await callsOf({ index: 0, id: 'a', name: 'x', metadata: { google: '{"n":1}' } }, { index: 0, metadata: { google: '{"n":2}' } });
    expect(parts[0]?.metadata).toEqual({ google: '{"n":2}' });
  });
});

describe('the parts of an answer', () => {
  test('are numbered from 0 without gaps, a new one for each change of kind', async () => {
    const parts = new Parts();
    const events = [
      parts.reasoning({ text: 'hm' }),
      parts.reasoning({ signature: 'sig' }),
      parts.text('a'),
      parts.text('b'),
      parts.text('no', { refusal: true }),
      ...parts.toolCall({ name: 'x', fragment: '{' }),
      parts.text('c'),
      ...parts.toolCall({ fragment: '}' }),
      parts.text('d'),
    ];
    const answer = await collectAnswer(stream(events));
    expect(answer.parts).toMatchObject([
      { kind: 'reasoning', text: 'hm', signature: 'sig' },
      { kind: 'text', text: 'ab' },
      { kind: 'refusal', text: 'no' },
      { kind: 'toolCall', text: '{}' },
      { kind: 'text', text: 'cd' },
    ]);
    expect(parts.hasToolCalls).toBe(true);
  });

  test('end where the provider says so', async () => {
    const parts = new Parts();
    const events = [parts.text('a'), (parts.close(), parts.text('b')), parts.reasoning({ redactedData: Buffer.from('x') }), (parts.close(), parts.reasoning({ redactedData: Buffer.from('y') }))];
    const answer = await collectAnswer(stream(events));
    expect(answer.parts.map(({ text, redactedData }) => text || redactedData?.toString())).toEqual(['a', 'b', 'x', 'y']);
    expect(parts.hasToolCalls).toBe(false);
  });
});
