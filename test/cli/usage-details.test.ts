import { describe, expect, it } from 'vitest';
import { Attempt_Outcome, Cost_Provenance, FinishReason } from '../../src/gen/tollgate/v1/content.ts';
import { UsageSource } from '../../src/gen/tollgate/v1/usage_service.ts';
import { memoryBook, type MemoryBook } from '../daemon/usage/memory-book.ts';
import { ended, hasTerminal, spawnOnTerminal } from './run-tollgate.ts';
import { homeOf, priced } from './usage-home.ts';

describe('tollgate quota', () => {
  it('shows how much of each window is used, held and left', async () => {
    const { code, stdout } = await (await homeOf(memoryBook(), ['usage:read'])).run('quota');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^tier premium\n\nrequests per month {2}█{5}░{15} {2}12 of 50, 1 held {2}anew in \d+ d\n$/);
  });

  it("says that there are no limits, and what would lift one that is used up", async () => {
    const book = memoryBook();
    const { run } = await homeOf({ ...book, quota: (client) => (client === 'free' ? { tier: 'free', windows: [], upgrade: undefined } : {
      tier: 'member', windows: [{ name: 'cost per month', unit: 'pico_usd', limit: 5_000_000_000_000n, used: 5_000_000_000_000n, reserved: 0n, resetsAt: new Date(Date.now() + 3 * 86_400_000 + 5000) }],
      upgrade: { kind: 'cost_limit', tier: 'member', limit: 5n, used: 5n, resetsAt: undefined, tierThatWouldAllow: 'pro', url: 'https://example.invalid/up', cheaperModels: ['p/small'] },
    }) });
    expect((await run('quota', 'free')).stdout).toBe('free, tier free: no limits\n');
    const { stdout } = await run('quota', 'ann');
    expect(stdout).toMatch(/cost per month {2}█{20} {2}\$5\.00 of \$5\.00 {2}anew in 3 d\n/);
    expect(stdout).toContain('The tier pro would allow it; yours is member.\nCheaper models that your tier allows: p/small.\nUpgrade: https://example.invalid/up\n');
    expect(JSON.parse((await run('quota', 'ann', '--json')).stdout)).toMatchObject({ tier: 'member', windows: [{ unit: 'pico_usd', limit: '5000000000000' }], upgrade: { tier_that_would_allow: 'pro' } });
  });

  it('of another client needs usage:admin', async () => {
    const { code, stderr } = await (await homeOf(memoryBook(), ['usage:read'])).run('quota', 'ann');
    expect([code, stderr]).toEqual([1, expect.stringContaining('"usage:admin"')]);
  });
});

describe('tollgate why', () => {
  const book = (): MemoryBook => {
    const made = memoryBook();
    made.settle({
      generationId: 'g-1', client: 'ann', model: 'fast', provider: 'groq', responseModel: 'llama', startTime: new Date('2026-11-23T09:05:01Z'), duration: { seconds: 2n, nanos: 1e8 }, timeToFirstToken: { nanos: 34e7 },
      finishReason: FinishReason.LENGTH, usage: { inputTokens: 12_345n, outputTokens: 678n, cacheReadInputTokens: 1000n, reasoningOutputTokens: 0n }, usageSource: UsageSource.ESTIMATED,
      cost: { expectedPicoUsd: 420_000_000_000n, lowPicoUsd: 400_000_000_000n, highPicoUsd: 500_000_000_000n, provenance: Cost_Provenance.ESTIMATED, priceVersion: 'list 1' }, labels: { team: 'search' },
      attempts: [
        { attempt: 1, provider: 'ollama', model: 'small', outcome: Attempt_Outcome.SKIPPED, reason: 'PROVIDER_UNAVAILABLE', message: 'connection refused' },
        { attempt: 2, provider: 'together', model: 'llama', outcome: Attempt_Outcome.FAILED, reason: 'RATE_LIMITED', message: 'slow down', httpStatus: 429, duration: { nanos: 12e7 }, cost: { provenance: Cost_Provenance.UNKNOWN } },
        { attempt: 3, provider: 'groq', model: 'llama', outcome: Attempt_Outcome.SUCCEEDED, httpStatus: 200, duration: { seconds: 2n }, usage: { outputTokens: 678n }, cost: priced(0.42) },
      ],
    });
    return made;
  };

  it('tells each attempt, the times, the tokens, and where the cost comes from', async () => {
    const { code, stdout } = await (await homeOf(book())).run('why', 'g-1');
    expect(code).toBe(0);
    expect(stdout).toBe([
      'generation  g-1',
      'client      ann',
      'asked for   fast → groq/llama',
      'when        2026-11-23 09:05:01, took 2.1 s, first token after 340 ms',
      'ended       LENGTH',
      'tokens      12.3k in, 678 out (1k read from cache), estimated from the text that came',
      'cost        ~$0.42, estimated with the price list list 1, between $0.40 and $0.50',
      'labels      team=search',
      '',
      'attempts',
      '  1  ollama/small: skipped',
      '     connection refused (PROVIDER_UNAVAILABLE)',
      '  2  together/llama: failed · 120 ms · unknown',
      '     slow down (RATE_LIMITED, HTTP 429)',
      '  3  groq/llama: succeeded · 2.0 s · 678 out · $0.42',
      '',
    ].join('\n'));
  });

  it('means the last one when none is named', async () => {
    const home = await homeOf(book());
    expect((await home.run('why')).stdout).toContain('generation  g-1\n');
    expect(JSON.parse((await home.run('why', '--json')).stdout)).toMatchObject({ generation: { generation_id: 'g-1', usage_source: 'USAGE_SOURCE_ESTIMATED', attempts: [{}, { http_status: 429 }, {}] } });
    expect(await (await homeOf(memoryBook())).run('why')).toMatchObject({ code: 1, stdout: '' });
  });

  it("does not find what is another client's", async () => {
    const { code, stderr } = await (await homeOf(book(), ['usage:read'])).run('why', 'g-1');
    expect([code, stderr]).toEqual([1, expect.stringContaining('(GENERATION_NOT_FOUND)')]);
  });

  it.runIf(hasTerminal)('lets nothing that a provider said move the cursor', async () => {
    const evil = memoryBook();
    evil.settle({ generationId: 'g', provider: 'p', responseModel: '\u001B[2J\u001B]0;x\u0007', attempts: [{ attempt: 1, message: 'a\u001B[31mb' }] });
    const { path, variables } = await homeOf(evil);
    for (const args of [['why', 'g'], ['usage'], ['usage', 'by', 'model'], ['usage', 'export'], ['usage', 'export', '--format', 'csv']]) {
      const { stdout } = await ended(spawnOnTerminal(path, args, { variables: { ...variables, NO_COLOR: '1' } }));
      expect(stdout).not.toContain('\u001B');
    }
  });
});

describe('tollgate prices', () => {
  it('are told by the million tokens, to their last place', async () => {
    const { run } = await homeOf(memoryBook());
    const { code, stdout } = await run('prices', 'paid/dear');
    expect(code).toBe(0);
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['paid/dear: in the price list config, as paid/dear'],
      ['input', '$1.25 per million tokens'],
      ['input read from cache', '$0.0375 per million tokens'],
      ['output', '$10.00 per million tokens'],
      ['each web search', '$0.01'],
      [''],
    ]);
    expect(JSON.parse((await run('prices', 'paid/dear', '--json')).stdout)).toMatchObject({ provider: 'paid', provenance: 'PROVENANCE_PRICED', price: { input_pico_usd: '1250000', cache_read_pico_usd: '37500' } });
  });

  it('are not zero when nobody knows them', async () => {
    const { run } = await homeOf(memoryBook());
    const { code, stdout } = await run('prices', 'paid/other');
    expect([code, stdout]).toEqual([0, expect.stringContaining('no price is known')]);
    expect(stdout).not.toContain('$');
    expect((await run('prices', 'nobody/x')).code).toBe(1);
  });
});
