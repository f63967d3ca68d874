import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { untilOver } from '../../../src/plugins/kit/until-over.ts';

async function* pieces(list: readonly string[], ending: 'end' | 'break' | 'hold'): AsyncGenerator<string> {
  yield* list;
  if (ending === 'break') throw new Error('the connection broke');
  if (ending === 'hold') await new Promise(() => {});
}

async function read(list: readonly string[], ending: 'end' | 'break' | 'hold', over: string | undefined): Promise<readonly string[]> {
  const seen: string[] = [];
  for await (const piece of untilOver(pieces(list, ending), () => seen.includes(over ?? ''))) seen.push(piece);
  return seen;
}

test('everything is passed on up to the end of the body, also behind the end marker', async () => {
  expect(await read(['a', 'b', 'end', 'c'], 'end', 'end')).toEqual(['a', 'b', 'end', 'c']);
  expect(await read([], 'end', undefined)).toEqual([]);
});

test('a break before the end marker is an error, and behind it none', async () => {
  await expect(read(['a', 'b'], 'break', 'end')).rejects.toThrow('the connection broke');
  expect(await read(['a', 'end'], 'break', 'end')).toEqual(['a', 'end']);
});

test('a body that never ends behind its end marker is left after a moment', async () => {
  async function* endless(): AsyncGenerator<string> {
    yield 'end';
    for (;;) {
      await nextTurn();
      yield 'more';
    }
  }
  const started = performance.now();
  let count = 0;
  for await (const _ of untilOver(endless(), () => count > 0)) count++;
  expect(count).toBeGreaterThan(1);
  expect(performance.now() - started).toBeLessThan(5000);
});

test('a body that stays open behind its end marker is not waited for', async () => {
  expect(await read(['a', 'end'], 'hold', 'end')).toEqual(['a', 'end']);
});
