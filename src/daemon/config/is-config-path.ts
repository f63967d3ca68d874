import { isReservedName } from './reserved-name.ts';

/** Whether the config has a field at the end of this path. */
export async function isConfigPath(names: readonly string[]): Promise<boolean> {
  if (names.some(isReservedName)) return false;
  const { configSchema } = await import('./schema.ts');
  // The schema says it itself: it complains about a place above the end when there is no way down to it.
  const probe = names.reduceRight<unknown>((value, name) => Object.fromEntries([[name, value]]), null);
  const issues = configSchema.safeParse(probe).error?.issues ?? [];
  return issues.every(({ path }) => path.length >= names.length);
}
