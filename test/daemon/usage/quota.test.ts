import { describe, expect, it } from 'vitest';
import { notInTier, tierAllows } from '../../../src/daemon/access/tier-grants.ts';
import { DEV_CALLER, type Caller, type Tier } from '../../../src/daemon/access/caller.ts';
import type { Failure } from '../../../src/daemon/failure.ts';
import { call, cost, DAY, failure, HOUR, ledgerHome, NOON, request, settlement, testClock, tier, USD, usageConfig } from './ledger-home.ts';

const caller = (of: Tier): Caller => ({ ...DEV_CALLER, client: 'my-app', tier: of });

describe('limits', () => {
  it('are nobody\'s without tiers in the config', async () => {
    const { ledger, journal } = await ledgerHome().open();
    await Promise.all(Array.from({ length: 200 }, () => call(ledger, { tier: 'free', bound: { tokens: 10n ** 18n, picoUsd: undefined } })));
    expect(ledger.quota('my-app', 'free')).toEqual({ tier: 'free', windows: [], upgrade: undefined });
    for await (const { record } of journal.replay()) if (record.type === 'RESERVE') expect(record.windows).toEqual([]);
  });

  it('count for each client by itself', async () => {
    const { ledger } = await ledgerHome({ tiers: { member: tier({ 'requests/day': 1n }) } }).open();
    await call(ledger, { client: 'one' });
    await call(ledger, { client: 'other' });
    expect((await failure(ledger.reserve(request({ client: 'one' })))).reason).toBe('QUOTA_EXCEEDED');
  });

  it.each([
    ['minute', 60_000],
    ['hour', HOUR],
    ['day', DAY],
    ['month', 30 * DAY],
  ] as const)('of a %s hold until it is over, and not longer', async (period, span) => {
    const home = ledgerHome({ tiers: { member: tier({ [`requests/${period}`]: 1n }) } }, testClock(Date.UTC(2026, 10, 1)));
    const { ledger } = await home.open();
    await call(ledger);
    home.clock.pass(span - 1);
    const refused = await failure(ledger.reserve(request()));
    expect(refused.retryAfterMs).toBe(1);
    home.clock.pass(1);
    await call(ledger);
  });

  it('count a call in the windows that it was reserved in, however long it runs', async () => {
    const home = ledgerHome({ tiers: { member: tier({ 'tokens/hour': 1000n }) } });
    const { ledger } = await home.open();
    home.clock.wallMs = Date.UTC(2026, 10, 23, 12, 59);
    const open = await ledger.reserve(request());
    home.clock.pass(2 * 60_000);
    expect(ledger.quota('my-app', 'member').windows).toMatchObject([{ used: 0n, reserved: 0n, resetsAt: new Date(Date.UTC(2026, 10, 23, 14)) }]);
    await open.settle(settlement());
    expect(ledger.quota('my-app', 'member').windows).toMatchObject([{ used: 0n, reserved: 0n }]);
    home.clock.pass(-2 * 60_000);
    expect(ledger.quota('my-app', 'member').windows).toMatchObject([{ used: 30n, reserved: 0n }]);
  });

  it('are met all together: one that is met lets a call hold nothing of the others', async () => {
    const { ledger } = await ledgerHome({ tiers: { member: tier({ 'requests/day': 5n, 'tokens/month': 150n, 'pico_usd/day': 5000n }) } }).open();
    await (await ledger.reserve(request())).settle(settlement());
    await ledger.reserve(request());
    expect((await failure(ledger.reserve(request()))).metadata['window']).toBe('tokens per month');
    expect(ledger.quota('my-app', 'member').windows.map(({ name, used, reserved }) => [name, used, reserved])).toEqual([
      ['requests per day', 1n, 1n],
      ['tokens per month', 30n, 100n],
      ['US dollars per day', 600n, 1000n],
    ]);
  });

  it('of a clock that is put back are not given out again', async () => {
    const home = ledgerHome({ tiers: { member: tier({ 'requests/day': 1n, 'requests/month': 3n }) } }, testClock(Date.UTC(2026, 10, 30, 23, 59)));
    const { ledger } = await home.open();
    await call(ledger);
    home.clock.pass(60_000);
    await call(ledger);
    home.clock.pass(-60_000);
    const refused = await failure(ledger.reserve(request()));
    expect(refused.upgrade?.resetsAt).toEqual(new Date(Date.UTC(2026, 11, 2)));
    home.clock.wallMs -= 400 * DAY;
    expect((await failure(ledger.reserve(request()))).reason).toBe('QUOTA_EXCEEDED');
  });

  it('change with the config at once, and a client\'s own come before its tier\'s', async () => {
    const home = ledgerHome({ tiers: { member: tier({ 'requests/day': 1n, 'tokens/day': 500n }) } });
    const { ledger } = await home.open();
    await call(ledger);
    expect((await failure(ledger.reserve(request()))).reason).toBe('QUOTA_EXCEEDED');
    home.config = usageConfig({ ...home.config, clients: { 'my-app': { limits: { 'requests/day': 2n, 'tokens/day': -1n }, raise: undefined } } });
    await call(ledger);
    expect(ledger.quota('my-app', 'member').windows).toMatchObject([{ name: 'requests per day', limit: 2n, used: 2n }]);
    expect((await failure(ledger.reserve(request()))).upgrade).toMatchObject({ limit: 2n, used: 2n, tierThatWouldAllow: '' });
  });

  it('are raised until a time, and count meanwhile', async () => {
    const until = NOON + DAY;
    const home = ledgerHome({ tiers: { member: tier({ 'requests/month': 1n }) }, clients: { 'my-app': { limits: {}, raise: { limits: { 'requests/month': 3n }, untilMs: until } } } });
    const first = await home.open();
    const { ledger, journal } = first;
    for (let at = 0; at < 3; at++) await call(ledger);
    expect((await failure(ledger.reserve(request()))).reason).toBe('QUOTA_EXCEEDED');
    home.config = usageConfig({ ...home.config, clients: { 'my-app': { limits: {}, raise: { limits: { 'requests/month': -1n }, untilMs: until } } } });
    await call(ledger);
    home.clock.pass(DAY - 1);
    await call(ledger);
    home.clock.pass(1);
    expect((await failure(ledger.reserve(request()))).upgrade).toMatchObject({ limit: 1n, used: 5n });
    // The journal can hold a raise too.
    await journal.append({ type: 'RAISE', time: home.clock.wallMs, client: 'my-app', until: home.clock.wallMs + DAY, limits: { 'requests/month': '6' } });
    await first.close();
    const next = await home.open();
    await call(next.ledger);
    expect((await failure(next.ledger.reserve(request()))).upgrade).toMatchObject({ limit: 6n, used: 6n });
  });

  it('in shadow mode are counted and told, and stop nobody', async () => {
    const home = ledgerHome({ tiers: { member: tier({ 'requests/day': 1n, 'pico_usd/day': 0n }, { shadow: true, providers: ['ollama'] }) } });
    const { ledger } = await home.open();
    for (let at = 0; at < 3; at++) await call(ledger);
    expect(ledger.quota('my-app', 'member').windows).toMatchObject([{ limit: 1n, used: 3n }, { limit: 0n, used: 1800n }]);
    const told = home.logged.filter((line) => line.includes('shadow mode'));
    expect(told).toHaveLength(3);
    expect(JSON.parse(told[1] ?? '')).toMatchObject({ client: 'my-app', tier: 'member', reason: 'QUOTA_EXCEEDED', window: 'requests per day' });
    expect((await ledger.reserve(request())).budget.maxPicoUsd).toBeUndefined();
    const heard: Failure[] = [];
    expect(notInTier(home.config, caller('member'), 'openai', 'gpt-4o', (refusal) => heard.push(refusal))).toBeUndefined();
    expect(heard.map(({ reason }) => reason)).toEqual(['TIER_TOO_LOW']);
  });
});

describe('a denial', () => {
  const config = {
    upgradeUrl: 'https://example.test/upgrade',
    tiers: { free: tier({ 'requests/month': 2n, 'pico_usd/month': USD }), member: tier({ 'requests/month': 2n, 'pico_usd/month': 5n * USD }), pro: tier({ 'requests/month': 200n, 'pico_usd/month': 50n * USD }) },
  };

  it('of a count says which limit, how far it is used, when it begins anew, and which tier would allow the call', async () => {
    const { ledger } = await ledgerHome(config).open();
    await call(ledger, { tier: 'free' });
    await call(ledger, { tier: 'free' });
    const refused = await failure(ledger.reserve(request({ tier: 'free' })));
    expect(refused).toMatchObject({
      reason: 'QUOTA_EXCEEDED',
      message: '"my-app" may not use more in the tier "free": requests per month: 2 of 2 used; begins anew 2026-12-01T00:00:00Z',
      retryAfterMs: Date.UTC(2026, 11, 1) - NOON,
      quota: [{ subject: 'client:my-app', unit: 'requests', name: 'requests per month', limit: 2n }],
      upgrade: { kind: 'quota_exceeded', tier: 'free', limit: 2n, used: 2n, resetsAt: new Date(Date.UTC(2026, 11, 1)), tierThatWouldAllow: 'pro', url: 'https://example.test/upgrade', cheaperModels: [] },
    });
    expect(ledger.quota('my-app', 'free').upgrade).toMatchObject({ kind: 'quota_exceeded', tierThatWouldAllow: 'pro' });
    expect(ledger.quota('other', 'free').upgrade).toBeUndefined();
  });

  it('of money says so in money, and which models cost less', async () => {
    const { ledger } = await ledgerHome(config).open({ cheaperModels: (model, of) => [`ollama/${model}-${of}`] });
    await call(ledger, { tier: 'free' }, { cost: cost(999_500_000_000n) });
    const refused = await failure(ledger.reserve(request({ tier: 'free', model: 'gpt', bound: { tokens: 1n, picoUsd: 20_000_000_000n } })));
    expect(refused).toMatchObject({
      reason: 'BUDGET_EXCEEDED',
      message: '"my-app" may not use more in the tier "free": US dollars per month: $0.9995 of $1.00 used; this call may come to $0.02; begins anew 2026-12-01T00:00:00Z',
      upgrade: { kind: 'cost_limit', limit: USD, used: 999_500_000_000n, tierThatWouldAllow: 'member', cheaperModels: ['ollama/gpt-free'] },
    });
  });

  it('of a call that can never fit says nothing about waiting', async () => {
    const { ledger } = await ledgerHome(config).open();
    const refused = await failure(ledger.reserve(request({ tier: 'free', bound: { tokens: 1n, picoUsd: 2n * USD } })));
    expect([refused.reason, refused.retryAfterMs, refused.upgrade?.tierThatWouldAllow]).toEqual(['BUDGET_EXCEEDED', undefined, 'member']);
  });

  it('because of what running calls hold says to come back soon', async () => {
    const { ledger } = await ledgerHome(config).open();
    await ledger.reserve(request({ tier: 'free' }));
    await ledger.reserve(request({ tier: 'free' }));
    const refused = await failure(ledger.reserve(request({ tier: 'free' })));
    expect([refused.retryAfterMs, refused.message.includes('2 held by running calls')]).toEqual([2000, true]);
  });

  it('is what a call without a known price gets under a limit of money, unless the config allows it', async () => {
    const home = ledgerHome(config);
    const { ledger } = await home.open();
    const unpriced = { tier: 'free' as const, bound: { tokens: 1n, picoUsd: undefined } };
    const refused = await failure(ledger.reserve(request(unpriced)));
    expect([refused.reason, refused.retryAfterMs, refused.upgrade?.tierThatWouldAllow]).toEqual(['BUDGET_EXCEEDED', undefined, 'premium']);
    expect(refused.message).toContain('the price of this call is not known');
    await call(ledger, { ...unpriced, tier: 'premium' }, { cost: cost(undefined) });
    home.config = usageConfig({ ...config, unknownPrice: 'allow' });
    await call(ledger, unpriced, { cost: cost(undefined) });
    expect(ledger.quota('my-app', 'free').windows).toMatchObject([{ used: 1n }, { unit: 'pico_usd', used: 0n }]);
    await call(ledger, { ...unpriced, client: 'spent' }, { cost: cost(USD) });
    expect((await failure(ledger.reserve(request({ ...unpriced, client: 'spent' })))).reason).toBe('BUDGET_EXCEEDED');
  });

  it('keeps what it says when it is told with what a generation had done', async () => {
    const { ledger } = await ledgerHome(config).open();
    const refused = await failure(ledger.reserve(request({ tier: 'free', bound: { tokens: 1n, picoUsd: 2n * USD } })));
    const record = { generationId: 'gen_1', attempts: [], usage: undefined, cost: undefined, partial: false };
    expect(refused.withGeneration(record)).toMatchObject({ quota: refused.quota, upgrade: refused.upgrade, generation: record });
  });
});

describe('a tier', () => {
  const config = usageConfig({
    upgradeUrl: 'https://example.test/upgrade',
    tiers: { free: tier({}, { providers: ['ollama'] }), member: tier({}, { providers: ['ollama', 'open*'], models: ['!openrouter/openai/*', '!openai/gpt-5*'] }), pro: tier({}, { models: ['openai/*', 'ollama/*', '!openai/gpt-5-pro'] }) },
  });

  it('opens providers and models by globs, and takes out what begins with "!"', () => {
    const allows = (of: Tier, id: string): boolean => tierAllows(config, of, id.split('/')[0] ?? '', id.slice(id.indexOf('/') + 1));
    expect(['ollama/llama', 'openai/gpt-4o'].map((id) => allows('free', id))).toEqual([true, false]);
    expect(['ollama/llama', 'openai/gpt-4o', 'openai/gpt-5', 'openrouter/openai/gpt-4o', 'openrouter/meta/llama', 'anthropic/claude'].map((id) => allows('member', id))).toEqual([true, true, false, false, true, false]);
    expect(['openai/gpt-5', 'openai/gpt-5-pro', 'anthropic/claude'].map((id) => allows('pro', id))).toEqual([true, false, false]);
    expect(allows('premium', 'anthropic/claude')).toBe(true);
  });

  it('that does not open one says so, and which would', () => {
    expect(notInTier(config, caller('free'), 'ollama', 'llama')).toBeUndefined();
    expect(notInTier(config, caller('free'), 'openai', 'gpt-4o')).toMatchObject({
      reason: 'TIER_TOO_LOW',
      message: 'the tier "free" of "my-app" does not include the provider openai; the tier "member" does',
      upgrade: { kind: 'provider_locked', tier: 'free', tierThatWouldAllow: 'member', url: 'https://example.test/upgrade' },
    });
    expect(notInTier(config, caller('member'), 'openai', 'gpt-5-pro')).toMatchObject({ upgrade: { kind: 'model_locked', tierThatWouldAllow: 'premium' } });
  });
});
