import type { IssuerConfig } from './issuer-config.ts';
import type { PriceOverrides } from '../usage/prices/price-override.ts';
import { DEFAULT_USAGE_CONFIG, type UsageConfig } from './usage-config.ts';

/** The config, whole and valid: every default filled in, every span in milliseconds. */
export interface Config {
  readonly listen: ListenConfig;
  /** The model asked when a request names none. */
  readonly defaultModel: string;
  readonly providers: Readonly<Record<string, ProviderConfig>>;
  /** Each alias's model ids, in the order in which they are tried. */
  readonly aliases: Readonly<Record<string, readonly string[]>>;
  readonly routing: RoutingConfig;
  readonly limits: LimitsConfig;
  readonly keys: KeysConfig;
  /** Others whose tokens are taken beside our own. */
  readonly issuers: readonly IssuerConfig[];
  /** How long a daemon that a client started by itself lives without a call. null is for ever. */
  readonly idleExitMs: number | null;
  readonly usage: UsageConfig;
  /** Prices that count before every list. */
  readonly prices: PriceOverrides;
  /** Where `tollgate prices update` fetches the price list. Nothing else does. */
  readonly priceListUrl: string;
}

export interface ListenConfig {
  /** Whether to listen on the unix socket of the run directory. */
  readonly socket: boolean;
  /** `host:port` on loopback; port 0 takes a free one; null is off. */
  readonly grpc: string | null;
  /** Whether `grpc` stands in the file. The default gives way when its port is taken. */
  readonly grpcIsExplicit: boolean;
}

export interface ProviderConfig {
  /** The plugin's type. */
  readonly type: string;
  readonly enabled: boolean;
  readonly baseUrl: string | undefined;
  readonly settings: Readonly<Record<string, string>>;
  /** The environment variable that holds the key. */
  readonly keyEnv: string | undefined;
  /** The model that `auto` asks it for; the plugin's own when unset. */
  readonly defaultModel: string | undefined;
}

export interface RoutingConfig {
  readonly fallbackOrder: readonly string[];
  readonly allowFallback: boolean;
  readonly preferLocal: boolean;
  /** Whether only providers on this machine may be asked, whatever a request says. */
  readonly localOnly: boolean;
  readonly maxAttempts: number;
  /** Whether a provider that failed before any content may be asked again when no other is ready, within `maxAttempts`. */
  readonly retries: boolean;
  /** How work is spread: by provider instance, and by `instance/label` for its keys. */
  readonly weights: Readonly<Record<string, number>>;
  readonly connectTimeoutMs: number;
  readonly firstTokenTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly attemptTimeoutMs: number | null;
}

export interface LimitsConfig {
  readonly maxRequestBytes: number;
  /** Generations at a time, of all clients. */
  readonly streams: number;
  readonly streamsPerClient: number;
  /** Generations of one client that may wait for a place. */
  readonly queuePerClient: number;
}

export interface KeysConfig {
  /** Where keys are stored. `auto` is the keychain where one can be used, else the encrypted file. */
  readonly store: 'auto' | 'keychain' | 'file';
}

export const DEFAULT_CONFIG: Config = {
  listen: { socket: true, grpc: '127.0.0.1:4780', grpcIsExplicit: false },
  defaultModel: 'auto',
  providers: {},
  aliases: {},
  routing: {
    fallbackOrder: ['ollama', 'together', 'cloudflare', 'openrouter', 'openai', 'anthropic'],
    allowFallback: false,
    preferLocal: true,
    localOnly: false,
    maxAttempts: 3,
    retries: true,
    weights: {},
    connectTimeoutMs: 5000,
    firstTokenTimeoutMs: 120_000,
    idleTimeoutMs: 60_000,
    attemptTimeoutMs: null,
  },
  limits: { maxRequestBytes: 32 * 1024 * 1024, streams: 256, streamsPerClient: 64, queuePerClient: 64 },
  keys: { store: 'auto' },
  issuers: [],
  idleExitMs: 30 * 60_000,
  usage: DEFAULT_USAGE_CONFIG,
  prices: {},
  priceListUrl: 'https://raw.githubusercontent.com/pydantic/genai-prices/main/prices/new_data/v2/data.json',
};
