import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { Roster, type Place } from '../../src/daemon/roster.ts';

const step = fc.oneof(
  fc.record({ do: fc.constant('add' as const) }),
  fc.record({ do: fc.constantFrom('remove' as const, 'toEnd' as const), pick: fc.nat() }),
);

it('a roster holds what a list holds, in the order of coming, whoever leaves or comes again', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const roster = new Roster<number>();
      const places: Place<number>[] = [];
      let list: number[] = [];
      for (const [at, each] of steps.entries()) {
        if (each.do === 'add') {
          places.push(roster.add(at));
          list.push(at);
          continue;
        }
        const place = places[each.pick % Math.max(1, places.length)];
        if (place === undefined) continue;
        const isHere = list.includes(place.member);
        list = list.filter((member) => member !== place.member);
        if (each.do === 'remove') expect(roster.remove(place)).toBe(isHere);
        else {
          roster.toEnd(place);
          if (isHere) list.push(place.member);
        }
        expect([...roster]).toEqual(list);
        expect([roster.size, roster.first?.member]).toEqual([list.length, list[0]]);
      }
    }),
  );
});

it('one that has left leads nowhere, so that it keeps nobody in memory', () => {
  const roster = new Roster<string>();
  const [first, second, third] = ['a', 'b', 'c'].map((name) => roster.add(name));
  if (second !== undefined) roster.remove(second);
  expect([second?.before, second?.after]).toEqual([undefined, undefined]);
  expect([first?.after === third, third?.before === first]).toEqual([true, true]);
});

it('a member may leave while all are gone through', () => {
  const roster = new Roster<string>();
  for (const name of ['a', 'b', 'c']) roster.add(name);
  const seen: string[] = [];
  for (const place of roster.places()) {
    seen.push(place.member);
    roster.remove(place);
  }
  expect([seen, roster.size]).toEqual([['a', 'b', 'c'], 0]);
});
