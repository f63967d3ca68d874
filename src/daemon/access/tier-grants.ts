import type { TierConfig, UsageConfig } from '../config/usage-config.ts';
import { Failure } from '../failure.ts';
import { TIERS, type Caller, type Tier } from './caller.ts';
import { fitsGlob } from './glob.ts';

function fitsAny(globs: readonly string[] | undefined, text: string): boolean {
  if (globs === undefined) return true;
  const wanted = globs.filter((glob) => !glob.startsWith('!'));
  const unwanted = globs.filter((glob) => glob.startsWith('!')).map((glob) => glob.slice(1));
  // Only what is taken out is named: the rest stays.
  const isWanted = wanted.some((glob) => fitsGlob(glob, text)) || (wanted.length === 0 && unwanted.length > 0);
  return isWanted && !unwanted.some((glob) => fitsGlob(glob, text));
}

const tierOf = (config: UsageConfig, tier: Tier): TierConfig | undefined => (Object.hasOwn(config.tiers, tier) ? config.tiers[tier] : undefined);

/** Whether the clients of a tier may ask a provider's model. */
export function tierAllows(config: UsageConfig, tier: Tier, provider: string, model: string): boolean {
  const entry = tierOf(config, tier);
  return entry === undefined || (fitsAny(entry.providers, provider) && fitsAny(entry.models, `${provider}/${model}`));
}

/** The tiers above one, the lowest first. */
export const tiersAbove = (tier: Tier): readonly Tier[] => TIERS.slice(TIERS.indexOf(tier) + 1);

/**
 * Why a caller's tier does not allow a provider's model (TIER_TOO_LOW with an UpgradePrompt); undefined when it does. A tier in shadow mode
 * allows everything: `onShadow` is told what it would have refused.
 */
export function notInTier(config: UsageConfig, { client, tier }: Caller, provider: string, model: string, onShadow?: (refusal: Failure) => void): Failure | undefined {
  if (tierAllows(config, tier, provider, model)) return undefined;
  const entry = tierOf(config, tier);
  const isProvider = !fitsAny(entry?.providers, provider);
  const higher = tiersAbove(tier).find((each) => tierAllows(config, each, provider, model)) ?? '';
  const what = isProvider ? `the provider ${provider}` : `the model ${provider}/${model}`;
  const refusal = new Failure('TIER_TOO_LOW', `the tier "${tier}" of "${client}" does not include ${what}${higher === '' ? '' : `; the tier "${higher}" does`}`, {
    metadata: { client, tier, provider, model },
    upgrade: { kind: isProvider ? 'provider_locked' : 'model_locked', tier, limit: 0n, used: 0n, resetsAt: undefined, tierThatWouldAllow: higher, url: config.upgradeUrl, cheaperModels: [] },
  });
  if (entry?.shadow !== true) return refusal;
  onShadow?.(refusal);
  return undefined;
}
