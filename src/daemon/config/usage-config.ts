import type { Period, Unit } from '../usage/quota-window.ts';

/** Which counter a limit is for: `requests/month`. */
export type LimitName = `${Unit}/${Period}`;

/** Limits by counter; money in pico-USD. -1 is none; a counter that is not named has none either, or the tier's where it overrides one. */
export type Limits = Readonly<Partial<Record<LimitName, bigint>>>;

/** What every client of a tier may use. */
export interface TierConfig {
  readonly limits: Limits;
  /** The IANA zone whose days and months count; undefined is the machine's. */
  readonly timeZone: string | undefined;
  /** Globs over provider instances; one that begins with "!" takes out. undefined is all. */
  readonly providers: readonly string[] | undefined;
  /** Globs over `provider/model`; one that begins with "!" takes out. undefined is all. */
  readonly models: readonly string[] | undefined;
  /** Whether what goes beyond is only told in the log. */
  readonly shadow: boolean;
}

/** What differs for one client from its tier. */
export interface ClientConfig {
  readonly limits: Limits;
  /** Other limits until a time, in milliseconds since 1970. */
  readonly raise: { readonly limits: Limits; readonly untilMs: number } | undefined;
}

export interface RetentionConfig {
  /** How long each generation is kept by itself; days stay for good. */
  readonly rawDays: number;
  /** How large the journal may grow. */
  readonly rawBytes: number;
  /** The labels whose values have sums of their own, at most 100 values each. */
  readonly labels: readonly string[];
}

/** What the config says about usage. */
export interface UsageConfig {
  /** By the tier's name. A tier that is not here has no limits. */
  readonly tiers: Readonly<Record<string, TierConfig>>;
  readonly clients: Readonly<Record<string, ClientConfig>>;
  /** Where to upgrade; "" is nowhere. */
  readonly upgradeUrl: string;
  readonly retention: RetentionConfig;
  /** What becomes of a call whose price is not known, under a limit of money. */
  readonly unknownPrice: 'refuse' | 'allow';
}

export const DEFAULT_USAGE_CONFIG: UsageConfig = {
  tiers: {},
  clients: {},
  upgradeUrl: '',
  retention: { rawDays: 90, rawBytes: 256 * 1024 * 1024, labels: [] },
  unknownPrice: 'refuse',
};
