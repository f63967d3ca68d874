import { describe, expect, it } from 'vitest';
import { explainError } from '../../src/clients/cli/explain-error.ts';
import { readStatus } from '../../src/clients/typescript/read-status.ts';
import { toStatus } from '../../src/daemon/server/rpc-error.ts';
import { readEnvironment } from '../../src/environment.ts';
import { call, failure, HOUR, ledgerHome, request, testClock, tier, USD } from '../daemon/usage/ledger-home.ts';

const bare = readEnvironment({ TOLLGATE_HOME: '/t' });

describe('a refusal of the quota', () => {
  it('reaches the client whole, and says what would lift it', async () => {
    const clock = testClock(Date.now());
    const home = ledgerHome({ tiers: { member: tier({ 'requests/hour': 1n }), pro: tier({}) }, upgradeUrl: 'https://example.invalid/up' }, clock);
    const { ledger } = await home.open({ cheaperModels: () => ['p/small'] });
    await call(ledger);
    const error = readStatus(toStatus(await failure(ledger.reserve(request()))));
    expect(error).toMatchObject({ reason: 'QUOTA_EXCEEDED', code: 'RESOURCE_EXHAUSTED', upgrade: { kind: 'quota_exceeded', tier: 'member', limit: 1n, used: 1n, tierThatWouldAllow: 'pro', url: 'https://example.invalid/up' } });
    expect(error.retryAfterMs).toBeLessThanOrEqual(HOUR);
    const { lines, exitCode } = explainError(error, bare);
    expect(exitCode).toBe(1);
    expect(lines[0]).toMatch(/^tollgate: .*\(QUOTA_EXCEEDED\)$/);
    expect(lines).toContainEqual(expect.stringMatching(/^It begins anew (?:now|in \d+ min) \(\d{4}-\d\d-\d\d\)\.$/));
    expect(lines).toContain('The tier pro would allow it; yours is member.');
    expect(lines).toContain('Upgrade: https://example.invalid/up');
  });

  it('names a model that the budget still allows', async () => {
    const home = ledgerHome({ tiers: { member: tier({ 'pico_usd/month': USD }) } }, testClock(Date.now()));
    const { ledger } = await home.open({ cheaperModels: () => ['p/small', 'p/tiny'] });
    const error = readStatus(toStatus(await failure(ledger.reserve(request({ bound: { tokens: 1n, picoUsd: 2n * USD } })))));
    expect(error).toMatchObject({ reason: 'BUDGET_EXCEEDED', upgrade: { kind: 'cost_limit' } });
    expect(explainError(error, bare).lines).toContain('Cheaper models that your tier allows: p/small, p/tiny.');
  });
});
