import { describe, expect, it } from 'vitest';
import { status } from '@grpc/grpc-js';
import { DEFAULT_CONFIG } from '../../../src/daemon/config/config.ts';
import { PRESETS } from '../../../src/presets.ts';
import { configSchema, toConfig } from '../../../src/daemon/config/schema.ts';
import { tierAllows } from '../../../src/daemon/access/tier-grants.ts';
import { Failure } from '../../../src/daemon/failure.ts';
import { toStatus } from '../../../src/daemon/server/rpc-error.ts';
import { ErrorInfo, QuotaFailure, RetryInfo } from '../../../src/gen/google/rpc/error_details.ts';
import { Status } from '../../../src/gen/google/rpc/status.ts';
import { GenerationFailure } from '../../../src/gen/tollgate/v1/generate_service.ts';
import { UpgradePrompt } from '../../../src/gen/tollgate/v1/usage_service.ts';
import { attempt, call, failure, ledgerHome, request, USD } from './ledger-home.ts';

const read = (file: unknown) => toConfig(configSchema.parse(file)).usage;
const problems = (file: unknown): string[] => configSchema.safeParse(file).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

describe("the config's words about usage", () => {
  it('are limits of nobody when there are none', () => {
    expect(read({})).toEqual(DEFAULT_CONFIG.usage);
    expect(read({ tiers: {}, clients: {}, retention: {}, upgrade_url: '' })).toEqual(DEFAULT_CONFIG.usage);
    expect(DEFAULT_CONFIG.usage).toMatchObject({ tiers: {}, clients: {}, unknownPrice: 'refuse', retention: { rawDays: 90, rawBytes: 268_435_456, labels: [] } });
  });

  it('are read, money to the pico-dollar', () => {
    const usage = read({
      tiers: { member: { requests: { minute: 5, month: -1 }, tokens: { day: 100 }, usd: { hour: '0.000000000001', day: '1.10', month: 5 }, time_zone: 'Europe/Berlin', providers: ['openai'], models: ['!openai/o*'], shadow: true } },
      clients: { 'my-app': { usd: { month: 0.3 }, raise: { requests: { minute: 100 }, until: '2026-12-01T00:00:00+01:00' } } },
      upgrade_url: 'https://example.test/up',
      unknown_price: 'allow',
      retention: { raw_days: 30, raw_bytes: 2_000_000, labels: ['team', 'team'] },
    });
    expect(usage).toEqual({
      tiers: { member: { limits: { 'requests/minute': 5n, 'requests/month': -1n, 'tokens/day': 100n, 'pico_usd/hour': 1n, 'pico_usd/day': 1_100_000_000_000n, 'pico_usd/month': 5n * USD }, timeZone: 'Europe/Berlin', providers: ['openai'], models: ['!openai/o*'], shadow: true } },
      clients: { 'my-app': { limits: { 'pico_usd/month': 300_000_000_000n }, raise: { limits: { 'requests/minute': 100n }, untilMs: Date.UTC(2026, 10, 30, 23) } } },
      upgradeUrl: 'https://example.test/up',
      unknownPrice: 'allow',
      retention: { rawDays: 30, rawBytes: 2_000_000, labels: ['team'] },
    });
  });

  it.each([
    [{ tiers: { gold: {} } }, 'tiers.gold'],
    [{ tiers: { pro: { requests: { month: 1.5 } } } }, 'tiers.pro.requests.month: write a whole number'],
    [{ tiers: { pro: { requests: { month: -2 } } } }, 'tiers.pro.requests.month: write a whole number'],
    [{ tiers: { pro: { requests: { week: 1 } } } }, 'tiers.pro.requests'],
    [{ tiers: { pro: { usd: { month: '$5' } } } }, 'tiers.pro.usd.month: write an amount of US dollars'],
    [{ tiers: { pro: { usd: { month: '0.0000000000001' } } } }, 'tiers.pro.usd.month: write an amount of US dollars'],
    [{ tiers: { pro: { usd: { month: 1e-7 } } } }, 'tiers.pro.usd.month: write an amount of US dollars'],
    [{ tiers: { pro: { usd: { month: 9_000_001 } } } }, 'tiers.pro.usd.month: write an amount of US dollars'],
    [{ tiers: { pro: { time_zone: 'Europe/Bonn' } } }, 'tiers.pro.time_zone: write an IANA time zone'],
    [{ clients: { 'a b': {} } }, 'clients.a b'],
    [{ clients: { a: { raise: { requests: { month: 1 } } } } }, 'clients.a.raise.until'],
    [{ clients: { a: { raise: { until: 'tomorrow' } } } }, 'clients.a.raise.until: write a time with its zone'],
    [{ upgrade_url: 'javascript:alert(1)' }, 'upgrade_url: write a whole address'],
    [{ retention: { raw_days: 0 } }, 'retention.raw_days: write a whole number of days'],
    [{ unknown_price: 'free' }, 'unknown_price: write "refuse" or "allow"'],
  ])('are refused, with the place and what to write there: %j', (file, problem) => {
    expect(problems(file).join('\n')).toContain(problem);
  });

  it('of the preset "parity" are the numbers of what Tollgate replaces', async () => {
    const usage = read(PRESETS.parity);
    const numbers = Object.fromEntries(Object.entries(usage.tiers).map(([name, { limits }]) => [name, [limits['requests/month'], limits['tokens/month'], limits['pico_usd/month']]]));
    expect(numbers).toEqual({ free: [10n, 5000n, 0n], member: [50n, 100_000n, 5n * USD], pro: [200n, 1_600_000n, 50n * USD], premium: [-1n, -1n, -1n], admin: [-1n, -1n, -1n] });
    const firstWith = (provider: string, model: string) => (['free', 'member', 'pro', 'premium'] as const).find((each) => tierAllows(usage, each, provider, model));
    expect([firstWith('ollama', 'llama3.2:3b'), firstWith('together', 'x'), firstWith('openrouter', 'meta-llama/llama'), firstWith('openrouter', 'anthropic/claude-opus-5'), firstWith('openai', 'gpt-5'), firstWith('groq', 'x'), firstWith('xai', 'grok')]).toEqual(['free', 'member', 'member', 'pro', 'pro', 'pro', 'premium']);
    const { ledger } = await ledgerHome(usage).open();
    const free = { tier: 'free' as const, bound: { tokens: 10n, picoUsd: 0n } };
    for (let at = 0; at < 10; at++) await call(ledger, free, { cost: { expectedPicoUsd: 0n, provenance: 5, priceVersion: '' } });
    expect(await failure(ledger.reserve(request(free)))).toMatchObject({ reason: 'QUOTA_EXCEEDED', upgrade: { tierThatWouldAllow: 'member', used: 10n, limit: 10n } });
    for (let at = 0; at < 300; at++) await call(ledger, { tier: 'premium' });
    expect(ledger.quota('my-app', 'premium').windows).toEqual([]);
  });
});

describe('a denial on the wire', () => {
  const details = (error: unknown) => {
    const { code, metadata, details: message } = toStatus(error);
    const [encoded] = metadata.get('grpc-status-details-bin');
    if (!Buffer.isBuffer(encoded)) throw new Error('there are no details');
    const found = Object.fromEntries(Status.decode(encoded).details.map(({ typeUrl, value }) => [typeUrl.split('/')[1], value]));
    return { code, message, found, bytes: Math.ceil(encoded.length / 3) * 4 + encodeURI(message).length };
  };
  const bytesOf = (value: Uint8Array | undefined): Uint8Array => value ?? new Uint8Array();

  it('carries the limit, the wait and the way up', async () => {
    const { ledger } = await ledgerHome({ upgradeUrl: 'https://example.test/up', tiers: { member: { limits: { 'requests/month': 0n, 'tokens/day': 5n }, timeZone: 'UTC', providers: undefined, models: undefined, shadow: false } } }).open();
    const { code, found } = details(await failure(ledger.reserve(request({ bound: { tokens: 3n, picoUsd: 1n } }))));
    expect(code).toBe(status.RESOURCE_EXHAUSTED);
    expect(ErrorInfo.decode(bytesOf(found['google.rpc.ErrorInfo']))).toMatchObject({ reason: 'QUOTA_EXCEEDED', domain: 'tollgate', metadata: { window: 'requests per month', tier: 'member', tier_that_would_allow: 'pro' } });
    expect(QuotaFailure.decode(bytesOf(found['google.rpc.QuotaFailure'])).violations).toMatchObject([{ subject: 'client:my-app', apiService: 'tollgate', quotaMetric: 'requests', quotaId: 'requests per month', quotaValue: 0n }]);
    expect(UpgradePrompt.decode(bytesOf(found['tollgate.v1.UpgradePrompt']))).toMatchObject({ kind: 'quota_exceeded', tier: 'member', limit: 0n, tierThatWouldAllow: 'pro', url: 'https://example.test/up' });
    // A call of one request never fits a limit of none.
    expect(found['google.rpc.RetryInfo']).toBeUndefined();
    const later = details(new Failure('QUOTA_EXCEEDED', 'wait', { retryAfterMs: 1500 }));
    expect(RetryInfo.decode(bytesOf(later.found['google.rpc.RetryInfo'])).retryDelay).toEqual({ seconds: 1n, nanos: 500_000_000 });
  });

  it('stays within 4 KiB whatever it has to say, and keeps the way up to the last', () => {
    const long = 'ü'.repeat(300);
    const failed = new Failure('BUDGET_EXCEEDED', long, {
      metadata: { client: long, tier: long, window: long },
      retryAfterMs: 1000,
      quota: Array.from({ length: 12 }, (_, at) => ({ subject: 'client:my-app', description: long, unit: 'pico_usd', name: `window ${at}`, limit: 2n ** 62n })),
      upgrade: { kind: 'cost_limit', tier: 'free', limit: 2n ** 62n, used: 2n ** 62n, resetsAt: new Date(), tierThatWouldAllow: 'admin', url: `https://example.test/${'a'.repeat(480)}`, cheaperModels: Array.from({ length: 50 }, () => long) },
      generation: { generationId: 'gen_1', attempts: Array.from({ length: 20 }, () => attempt({ message: long })), usage: undefined, cost: undefined, partial: true },
    });
    const { bytes, found } = details(failed);
    expect(bytes).toBeLessThan(4096);
    expect(UpgradePrompt.decode(bytesOf(found['tollgate.v1.UpgradePrompt']))).toMatchObject({ kind: 'cost_limit', tierThatWouldAllow: 'admin', url: `https://example.test/${'a'.repeat(480)}` });
    expect(QuotaFailure.decode(bytesOf(found['google.rpc.QuotaFailure'])).violations).toHaveLength(1);
    expect(GenerationFailure.decode(bytesOf(found['tollgate.v1.GenerationFailure'])).attemptsOmitted).toBeGreaterThan(0);
  });
});
