import type { Generation, UsageFilter } from '../../gen/tollgate/v1/usage_service.ts';
import { modelOf } from './usage-days.ts';
import type { Who } from './usage-book.ts';

/** Which generations count, but for their time. "" chooses nothing. */
export interface Selection {
  /** Whose; undefined is everybody's. */
  readonly client: string | undefined;
  readonly provider: string;
  readonly model: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What a filter leaves of what may be seen; undefined when that is nothing. */
export function selectionOf(filter: UsageFilter | undefined, who: Who): Selection | undefined {
  const wanted = filter === undefined || filter.client === '' ? undefined : filter.client;
  const own = who === 'everybody' ? undefined : who.client;
  if (wanted !== undefined && own !== undefined && wanted !== own) return undefined;
  return { client: own ?? wanted, provider: filter?.provider ?? '', model: filter?.model ?? '', labels: filter?.labels ?? {} };
}

export function selectsRow({ client, provider, model }: Selection, row: { readonly client: string; readonly provider: string; readonly model: string }): boolean {
  return (client === undefined || client === row.client) && (provider === '' || provider === row.provider) && (model === '' || model === row.model);
}

export function selects(selection: Selection, generation: Generation): boolean {
  const { client, provider, labels } = generation;
  return selectsRow(selection, { client, provider, model: modelOf(generation) }) && Object.entries(selection.labels).every(([name, value]) => Object.hasOwn(labels, name) && labels[name] === value);
}
