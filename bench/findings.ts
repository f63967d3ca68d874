import { median } from './median.ts';
import type { Goal, Measure, Scenario } from './scenarios.ts';

/** A judged number over all rounds. */
export interface Finding {
  readonly title: string;
  readonly unit: Goal['unit'];
  readonly must: number;
  readonly goal: number;
  readonly better: Goal['better'];
  readonly median: number;
  readonly rounds: readonly number[];
}

/** What a scenario gave. `rows` are the medians of what was measured, by label; `rounds` is all of it. */
export interface Outcome {
  readonly scenario: Scenario['name'];
  readonly title: string;
  readonly rows: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly rounds: readonly Readonly<Record<string, unknown>>[];
  readonly findings: readonly Finding[];
}

export const finding = (goal: Omit<Goal, 'of'>, rounds: readonly number[]): Finding => {
  const { title, unit, must, better } = goal;
  return { title, unit, must, goal: goal.goal, better, median: median(rounds), rounds };
};

/** The medians of one load's measures, field by field. */
export function medians(measures: readonly Measure[]): Readonly<Record<string, number>> {
  const fields = Object.keys(measures[0] ?? {}) as (keyof Measure)[];
  return Object.fromEntries(fields.map((field) => [field, median(measures.map((measure) => measure[field]))]));
}

export const isMet = ({ better, median: value }: Finding, bound: number): boolean => (better === 'more' ? value >= bound : value <= bound);
