import * as z from 'zod';
import { DEFAULT_CONFIG, type Config, type ProviderConfig } from './config.ts';
import { isSafeAddress, SAFE_ADDRESS } from './is-safe-address.ts';
import { pricesSchema } from './price-schema.ts';
import { toUsageConfig, usageSections } from './usage-schema.ts';
import { DURATION, parseDuration } from '../../duration.ts';
import { holdsKey } from '../mask-keys.ts';
import { issuersSchema, toIssuer } from './issuer-schema.ts';
import { weightsSchema } from './weights-schema.ts';

/** The file's shape. `npm run gen` publishes it as `config.schema.json`; `loadConfig` reads with it. Imported only when there is a file. */
const duration = z
  .string('write a span such as "5s", "500ms" or "2m"')
  .regex(DURATION, 'write a span such as "5s", "500ms" or "2m"')
  .refine((text) => (parseDuration(text) ?? 0) <= MAX_SPAN_MS, 'write at most "24d"; null, where it is allowed, is without limit')
  .describe('A span: a number and ms, s, m, h or d.');
/** Node's timers go no further: a longer one would fire at once. */
const MAX_SPAN_MS = 24 * 86_400_000;
const INSTANCE_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const LOOPBACK = /^(127(?:\.\d{1,3}){3}|localhost|\[::1\]):(\d{1,5})$/;

const address = z
  .string('write "host:port" or null')
  .refine((text) => LOOPBACK.test(text), 'write a loopback address and a port, e.g. "127.0.0.1:4780"; beyond loopback Tollgate does not listen')
  .refine((text) => Number(LOOPBACK.exec(text)?.[2] ?? 0) <= 65_535, 'the port must be from 0 to 65535')
  .describe('host:port on loopback. Port 0 takes a free one, null switches off.');

const baseUrl = z
  .string()
  .refine((text) => URL.canParse(text), 'write a whole address, e.g. "http://127.0.0.1:8000/v1"')
  .refine((text) => !URL.canParse(text) || /^https?:$/.test(new URL(text).protocol), 'only http: and https: addresses can be asked')
  .refine((text) => {
    if (!URL.canParse(text)) return true;
    const url = new URL(text);
    return url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  }, 'leave out user, password, "?" and "#": a key belongs in the environment')
  .describe("What stands before the provider's own path.");

const provider = z.strictObject({
  type: z.string().optional().describe("The plugin's type. The instance's own name when absent."),
  enabled: z.boolean().default(true),
  base_url: baseUrl.optional(),
  default_model: z.string().min(1).optional().describe("The model that auto asks it for; the plugin's own when absent."),
  settings: z.record(z.string(), z.union([z.string(), z.boolean(), z.int()])).default({}).describe("The plugin's settings."),
  key_env: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'write the name of an environment variable')
    .refine((name) => !holdsKey(name), 'this is a key, and not the name of the variable that holds it: take it out of here, and run tollgate keys set')
    .refine((name) => !/^TOLLGATE_/i.test(name), "Tollgate's own variables are never sent to a provider; name the variable that holds this provider's key")
    .optional()
    .describe('The environment variable that holds the key.'),
});

const count = (min: number, max: number) => z.int(`write a whole number from ${min} to ${max}`).min(min).max(max);

export const configSchema = z.strictObject({
  $schema: z.string().optional(),
  version: z.literal(1, 'this version of Tollgate reads version 1').default(1),
  listen: z
    .strictObject({
      socket: z.boolean().default(true).describe('The unix socket in the run directory.'),
      grpc: address.nullable().optional().describe('gRPC. Default "127.0.0.1:4780".'),
      http: address.nullable().optional().describe('Kept for the HTTP front; this version does not listen on it.'),
    })
    .refine(({ socket, grpc }) => socket || grpc !== null, 'nothing would be listened on: leave "socket" on, or give "grpc" an address')
    .prefault({}),
  default_model: z.string().min(1).default(DEFAULT_CONFIG.defaultModel),
  providers: z.record(z.string().regex(INSTANCE_NAME, 'an instance is named with a-z, 0-9, ".", "_" and "-", at most 64 characters'), provider).default({}),
  aliases: z.record(z.string().min(1), z.union([z.string().min(1), z.array(z.string().min(1)).min(1)])).default({}),
  routing: z
    .strictObject({
      fallback_order: z.array(z.string()).default([...DEFAULT_CONFIG.routing.fallbackOrder]),
      allow_fallback: z.boolean().default(false),
      prefer_local: z.boolean().default(true),
      local_only: z.boolean().default(false),
      max_attempts: count(1, 16).default(3),
      retries: z.boolean().default(DEFAULT_CONFIG.routing.retries).describe('Whether a provider that failed before any content may be asked again when no other is ready, within max_attempts. Set it to false where the callers repeat failed calls by themselves.'),
      weights: weightsSchema,
      connect_timeout: duration.default('5s'),
      first_token_timeout: duration.default('120s'),
      idle_timeout: duration.default('60s'),
      attempt_timeout: duration.nullable().default(null),
    })
    .prefault({}),
  limits: z
    .strictObject({
      max_request_bytes: count(1024, 1024 * 1024 * 1024).default(DEFAULT_CONFIG.limits.maxRequestBytes),
      streams: count(1, 100_000).default(DEFAULT_CONFIG.limits.streams),
      streams_per_client: count(1, 100_000).default(DEFAULT_CONFIG.limits.streamsPerClient),
      queue_per_client: count(0, 100_000).default(DEFAULT_CONFIG.limits.queuePerClient),
    })
    .prefault({}),
  keys: z
    .strictObject({
      store: z
        .enum(['auto', 'keychain', 'file'], 'write "auto", "keychain" or "file"')
        .default(DEFAULT_CONFIG.keys.store)
        .describe('Where keys are stored: the keychain of the operating system, or a file in the state directory that is encrypted with age. auto is the keychain where one can be used, else the file. Keys move when this changes.'),
    })
    .prefault({}),
  issuers: issuersSchema,
  auto_start: z
    .strictObject({ idle_exit: duration.nullable().default('30m').describe('How long a daemon that a client started by itself lives without a call. null is for ever.') })
    .prefault({}),
  prices: pricesSchema,
  price_list_url: z
    .string()
    .refine(isSafeAddress, SAFE_ADDRESS)
    .default(DEFAULT_CONFIG.priceListUrl)
    .describe('Where `tollgate prices update` fetches the price list. It is asked for nothing else, and never by itself.'),
  ...usageSections,
});

type ConfigFile = z.output<typeof configSchema>;

const ms = (text: string): number => parseDuration(text) ?? 0;

const toProvider = (name: string, entry: ConfigFile['providers'][string]): ProviderConfig => ({
  type: entry.type ?? name,
  enabled: entry.enabled,
  baseUrl: entry.base_url?.replace(/\/+$/, ''),
  settings: Object.fromEntries(Object.entries(entry.settings).map(([key, value]) => [key, String(value)])),
  keyEnv: entry.key_env,
  defaultModel: entry.default_model,
});

/** The file's words in the daemon's own. */
export function toConfig(file: ConfigFile): Config {
  const { routing } = file;
  return {
    listen: { socket: file.listen.socket, grpc: file.listen.grpc === undefined ? DEFAULT_CONFIG.listen.grpc : file.listen.grpc, grpcIsExplicit: file.listen.grpc !== undefined },
    defaultModel: file.default_model,
    providers: Object.fromEntries(Object.entries(file.providers).map(([name, entry]) => [name, toProvider(name, entry)])),
    aliases: Object.fromEntries(Object.entries(file.aliases).map(([name, models]) => [name, [models].flat()])),
    routing: {
      fallbackOrder: routing.fallback_order,
      allowFallback: routing.allow_fallback,
      preferLocal: routing.prefer_local,
      localOnly: routing.local_only,
      maxAttempts: routing.max_attempts,
      retries: routing.retries,
      weights: routing.weights,
      connectTimeoutMs: ms(routing.connect_timeout),
      firstTokenTimeoutMs: ms(routing.first_token_timeout),
      idleTimeoutMs: ms(routing.idle_timeout),
      attemptTimeoutMs: routing.attempt_timeout === null ? null : ms(routing.attempt_timeout),
    },
    limits: {
      maxRequestBytes: file.limits.max_request_bytes,
      streams: file.limits.streams,
      streamsPerClient: file.limits.streams_per_client,
      queuePerClient: file.limits.queue_per_client,
    },
    keys: { store: file.keys.store },
    issuers: file.issuers.map(toIssuer),
    idleExitMs: file.auto_start.idle_exit === null ? null : ms(file.auto_start.idle_exit),
    usage: toUsageConfig(file),
    prices: file.prices,
    priceListUrl: file.price_list_url,
  };
}
