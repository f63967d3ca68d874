import { createHash } from 'node:crypto';
import { fits } from './choose-attempt.ts';
import type { PlannedAttempt, Route } from './plan-route.ts';

/** How much of the work each takes: by provider instance, and by `instance/label` for one of its keys ("" is the default key). */
export type Weights = Readonly<Record<string, number>>;

/** Whose calls stay with one key and one provider while it answers, so that prompt caches there stay warm. */
export interface Sticky {
  readonly client: string;
  readonly labels: Readonly<Record<string, string>>;
}

const weightOf = (weights: Weights, name: string): number | undefined => (Object.hasOwn(weights, name) ? weights[name] : undefined);

/** The same caller gets the same order each time; over all callers each name comes first as often as its weight says. */
function scoreOf(sticky: string, name: string, weight: number): number {
  const hash = createHash('sha256').update(`${sticky}\n${name}`).digest().readUInt32BE();
  return weight / -Math.log((hash + 1) / (2 ** 32 + 1));
}

/** Cuts a list where neighbours do not belong together. */
function groups<T>(items: readonly T[], belong: (one: T, next: T) => boolean): T[][] {
  const cut: T[][] = [];
  for (const item of items) {
    const last = cut.at(-1);
    const before = last?.at(-1);
    if (last !== undefined && before !== undefined && belong(before, item)) last.push(item);
    else cut.push([item]);
  }
  return cut;
}

/**
 * Orders a route by weight: the keys of one provider where at least one of them has a weight (others weigh 1), and, in an alias, neighbours
 * that offer the same model id where both have one. Everything else stays where it was.
 */
export function spreadRoute(route: Route, weights: Weights, { client, labels }: Sticky, isAlias: boolean): Route {
  if (Object.keys(weights).length === 0) return route;
  const sticky = JSON.stringify([client, Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1))]);
  const keyName = (planned: PlannedAttempt): string => `${planned.instance.name}/${fits(planned) ? (planned.key?.label ?? '') : ''}`;
  const byScore = <T>(items: readonly T[], nameOf: (item: T) => string): T[] =>
    items.map((item) => ({ item, score: scoreOf(sticky, nameOf(item), weightOf(weights, nameOf(item)) ?? 1) })).sort((one, other) => other.score - one.score).map(({ item }) => item);

  const candidates = groups(route.attempts, (one, next) => one.instance === next.instance && one.model === next.model).map((keys) =>
    keys.some((planned) => weightOf(weights, keyName(planned)) !== undefined) ? byScore(keys, keyName) : keys,
  );
  const instanceOf = ([first]: readonly PlannedAttempt[]): string => first?.instance.name ?? '';
  const areAlike = (one: readonly PlannedAttempt[], next: readonly PlannedAttempt[]): boolean =>
    isAlias && one[0]?.model === next[0]?.model && weightOf(weights, instanceOf(one)) !== undefined && weightOf(weights, instanceOf(next)) !== undefined;
  return { ...route, attempts: groups(candidates, areAlike).flatMap((alike) => byScore(alike, instanceOf).flat()) };
}
