import { finding, medians, type Finding, type Outcome } from './findings.ts';
import { runLoad, type LoadContext } from './run-load.ts';
import type { Load, LoadScenario, Measure, Target } from './scenarios.ts';
import type { Endpoint, Site } from './site.ts';

interface PlannedLoad {
  readonly label: string;
  readonly concurrency: number;
  readonly endpoint: Endpoint;
}

const ofCompared = (label: string): string => label.replace('tollgate', 'compared');

function planLoads(loads: readonly Load[], endpoints: Site['endpoints']): readonly PlannedLoad[] {
  const plan = (label: string, target: Target | 'compared', concurrency: number): readonly PlannedLoad[] => {
    const endpoint = endpoints.get(target);
    return endpoint === undefined ? [] : [{ label, concurrency, endpoint }];
  };
  return loads.flatMap(({ label, target, concurrency }) => [
    ...plan(label, target, concurrency),
    ...(target === 'tollgate' ? plan(ofCompared(label), 'compared', concurrency) : []),
  ]);
}

/** Each round begins with another target, so that no one is always first. */
const turned = <T>(list: readonly T[], by: number): readonly T[] => [...list.slice(by % list.length), ...list.slice(0, by % list.length)];

/** A goal's numbers, one a round; none when one of its targets was not there. */
function judged(scenario: LoadScenario, rounds: readonly Readonly<Record<string, Measure>>[], rename: (label: string) => string): readonly Finding[] {
  return scenario.goals.flatMap((goal) => {
    try {
      const values = rounds.map((round) =>
        goal.of((label) => {
          const measure = round[rename(label)];
          if (measure === undefined) throw new RangeError(`${label} was not measured`);
          return measure;
        }),
      );
      const title = rename('tollgate') === 'tollgate' ? goal.title : `${goal.title} (compared)`;
      return [finding({ ...goal, title }, values)];
    } catch (error) {
      if (error instanceof RangeError) return [];
      throw error;
    }
  });
}

export interface Rounds {
  readonly rounds: number;
  /** Shortens every run, for a look. */
  readonly scale: number;
}

/** Measures every load of a scenario in interleaved rounds. */
export async function measureLoad(scenario: LoadScenario, site: Site, context: LoadContext, { rounds, scale }: Rounds): Promise<Outcome> {
  const planned = planLoads(scenario.loads, site.endpoints);
  const results: Record<string, Measure>[] = [];
  for (let round = 0; round < rounds; round++) {
    const result: Record<string, Measure> = {};
    for (const { label, concurrency, endpoint } of turned(planned, round)) {
      result[label] = await runLoad({ ...scenario, concurrency, seconds: scenario.seconds * scale }, endpoint, context);
    }
    results.push(result);
  }
  const rows = Object.fromEntries(planned.map(({ label }) => [label, medians(results.flatMap((result) => result[label] ?? []))]));
  const compared = site.endpoints.has('compared') ? judged(scenario, results, ofCompared) : [];
  return { scenario: scenario.name, title: scenario.title, rows, rounds: results, findings: [...judged(scenario, results, (label) => label), ...compared] };
}
