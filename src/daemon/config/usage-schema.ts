import * as z from 'zod';
import { TIERS, CLIENT_NAME } from '../access/caller.ts';
import { calendarOf } from '../usage/calendar.ts';
import { PERIODS } from '../usage/quota-window.ts';
import { DEFAULT_USAGE_CONFIG, type Limits, type UsageConfig } from './usage-config.ts';

/** The sections of the config file that are about usage. */

const MAX_COUNT = Number.MAX_SAFE_INTEGER;
const COUNT_MESSAGE = 'write a whole number; -1 is without limit';
const MONEY_MESSAGE = 'write an amount of US dollars such as "5" or "0.50", at most 9000000 and with 12 decimals; -1 is without limit';
const MONEY = /^(?:-1|(\d{1,7})(?:\.(\d{1,12}))?)$/;
/** The API counts in 64 bits: 2^63 pico-USD are $9,223,372. */
const MAX_USD = 9_000_000;

const count = z.int(COUNT_MESSAGE).min(-1, COUNT_MESSAGE).max(MAX_COUNT, COUNT_MESSAGE);
const money = z.union([z.string(), z.number()], MONEY_MESSAGE).refine((amount) => MONEY.test(String(amount)) && Number(amount) <= MAX_USD, MONEY_MESSAGE);

const perPeriod = <T extends z.ZodType>(amount: T) => z.strictObject({ minute: amount.optional(), hour: amount.optional(), day: amount.optional(), month: amount.optional() });

const limits = {
  requests: perPeriod(count).optional().describe('Generations and embeddings. -1 is without limit.'),
  tokens: perPeriod(count).optional().describe('Input and output together. -1 is without limit.'),
  usd: perPeriod(money).optional().describe('US dollars, as a decimal text or number. -1 is without limit.'),
};

const globs = z.array(z.string().min(1).max(128)).max(64);

const tier = z.strictObject({
  ...limits,
  time_zone: z
    .string()
    .refine((zone) => calendarOf(zone) !== undefined, 'write an IANA time zone such as "Europe/Berlin" or "UTC"')
    .optional()
    .describe("The IANA time zone whose hours, days and months count. The machine's when absent."),
  providers: globs.optional().describe('Globs of the providers that may be asked; one that begins with "!" takes out. All when absent.'),
  models: globs.optional().describe('Globs of the models that may be asked, as provider/model; one that begins with "!" takes out. All when absent.'),
  shadow: z.boolean().default(false).describe('Whether going beyond is only written to the log.'),
});

const UNTIL_MESSAGE = 'write a time with its zone, such as "2026-12-31T23:59:59Z"';

const client = z.strictObject({
  ...limits,
  raise: z
    .strictObject({ ...limits, until: z.iso.datetime({ offset: true, error: UNTIL_MESSAGE }).describe('When the limits above hold again.') })
    .optional()
    .describe('Other limits for a while.'),
});

const named = (names: readonly string[]) => z.string().refine((name) => names.includes(name), `there are the tiers ${names.join(', ')}`);

const UPGRADE_MESSAGE = 'write a whole address of at most 512 characters that begins with https:// or http://, or ""';

export const usageSections = {
  tiers: z.record(named(TIERS), tier).default({}).describe('What the clients of each tier may use, each of them. A tier that is not here has no limits.'),
  clients: z.record(z.string().regex(CLIENT_NAME, 'write the name of a client as its token has it'), client).default({}).describe('What differs for one client from its tier.'),
  retention: z
    .strictObject({
      raw_days: z.int('write a whole number of days from 1 to 3650').min(1).max(3650).default(DEFAULT_USAGE_CONFIG.retention.rawDays).describe('How many days each generation is kept by itself. Sums of days are kept for good.'),
      raw_bytes: z.int('write a whole number of bytes from 1048576').min(1024 * 1024).max(MAX_COUNT).default(DEFAULT_USAGE_CONFIG.retention.rawBytes).describe('How large the journal may grow.'),
      labels: z.array(z.string().min(1).max(64)).max(8).default([]).describe('The labels whose values have sums of their own: the first 100 of each.'),
    })
    .prefault({}),
  upgrade_url: z
    .string()
    .max(512, UPGRADE_MESSAGE)
    .refine((text) => text === '' || (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)), UPGRADE_MESSAGE)
    .default('')
    .describe('Where a client that met a limit can upgrade.'),
  unknown_price: z.enum(['refuse', 'allow'], 'write "refuse" or "allow"').default(DEFAULT_USAGE_CONFIG.unknownPrice).describe('What becomes of a call whose price is not known, under a limit of money.'),
};

const file = z.strictObject(usageSections);
type UsageFile = z.output<typeof file>;
type LimitsFile = Pick<UsageFile['clients'][string], 'requests' | 'tokens' | 'usd'>;

/** Pico-USD of a decimal amount of dollars, exactly. */
function picoUsd(amount: string | number): bigint {
  const [, whole = '', fraction = ''] = MONEY.exec(String(amount)) ?? [];
  return whole === '' ? -1n : BigInt(whole) * 10n ** 12n + BigInt(fraction.padEnd(12, '0'));
}

function toLimits({ requests, tokens, usd }: LimitsFile): Limits {
  const limit: Record<string, bigint> = {};
  for (const period of PERIODS) {
    if (requests?.[period] !== undefined) limit[`requests/${period}`] = BigInt(requests[period]);
    if (tokens?.[period] !== undefined) limit[`tokens/${period}`] = BigInt(tokens[period]);
    if (usd?.[period] !== undefined) limit[`pico_usd/${period}`] = picoUsd(usd[period]);
  }
  return limit;
}

/** The file's words about usage in the daemon's own. */
export const toUsageConfig = ({ tiers, clients, retention, upgrade_url, unknown_price }: UsageFile): UsageConfig => ({
  tiers: Object.fromEntries(Object.entries(tiers).map(([name, entry]) => [name, { limits: toLimits(entry), timeZone: entry.time_zone, providers: entry.providers, models: entry.models, shadow: entry.shadow }])),
  clients: Object.fromEntries(
    Object.entries(clients).map(([name, entry]) => [name, { limits: toLimits(entry), raise: entry.raise === undefined ? undefined : { limits: toLimits(entry.raise), untilMs: Date.parse(entry.raise.until) } }]),
  ),
  upgradeUrl: upgrade_url,
  retention: { rawDays: retention.raw_days, rawBytes: retention.raw_bytes, labels: [...new Set(retention.labels)] },
  unknownPrice: unknown_price,
});
