import { Health, KeyState, type Provider } from '../../gen/tollgate/v1/keys_service.ts';
import { canonicalJson } from './canonical-json.ts';
import { formatDuration } from './format-duration.ts';
import { shortTime } from './short-time.ts';
import { table } from './table.ts';

const columns = ['PROVIDER', 'HEALTH', 'FAILURES', 'LAST ERROR', 'LAST CALL'].map((head) => ({ head }));

/** Whether it can be called, or has been. */
function isOfInterest({ enabled, keys, missingSettings, health }: Provider): boolean {
  const canBeCalled = missingSettings.length === 0 && keys.some(({ state }) => state === KeyState.CONFIGURED || state === KeyState.NOT_NEEDED);
  return enabled && (canBeCalled || (health?.consecutiveFailures ?? 0) > 0);
}

function row({ name, health }: Provider): string[] {
  const cooldown = health?.cooldownRemaining;
  const state = cooldown !== undefined ? `cools down for ${formatDuration(cooldown)}` : health?.lastChecked === undefined ? 'not called yet' : (health.consecutiveFailures > 0 ? 'failed lately' : 'ok');
  const failures = String(health?.consecutiveFailures ?? 0);
  return [name, state, failures, health?.lastErrorReason ?? '', health?.lastChecked === undefined ? '' : shortTime(health.lastChecked)];
}

/** The same for programs, of all providers. */
export const healthJson = (providers: readonly Provider[]): Promise<readonly object[]> =>
  Promise.all(
    providers.map(async ({ name, health }) => {
      const json: unknown = JSON.parse(await canonicalJson('tollgate.v1.Health', Health.encode(health ?? Health.create())));
      return { name, health: json };
    }),
  );

/** How the calls of the providers that are ready have gone. "" when none is ready. */
export async function healthTable(providers: readonly Provider[]): Promise<string> {
  const rows = providers.filter(isOfInterest).map(row);
  return rows.length === 0 ? '' : table(columns, rows);
}
