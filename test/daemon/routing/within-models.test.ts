import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ProviderInstance } from '../../../src/daemon/plugins/provider-instance.ts';
import type { PlannedAttempt, Route } from '../../../src/daemon/routing/plan-route.ts';
import { needsOf } from '../../../src/daemon/routing/request-needs.ts';
import { withinModels, type ModelKnowledge } from '../../../src/daemon/routing/within-models.ts';
import { Attempt_Outcome, type Attempt } from '../../../src/gen/tollgate/v1/content.ts';
import type { GenerateRequest, PlannedAttempt as Shown } from '../../../src/gen/tollgate/v1/generate_service.ts';
import { generateSize } from '../../../src/daemon/usage/prices/request-size.ts';
import type { ModelInfo } from '../../../src/plugins/provider.ts';
import { adminDaemon, type AdminDaemon } from '../admin-daemon.ts';
import { hello, scriptedProvider, type ScriptedProvider } from '../scripted-provider.ts';
import { ask, bearer, generate, part, userSays, type Generated } from '../test-daemon.ts';

const { SKIPPED, SUCCEEDED } = Attempt_Outcome;

const info = (fields: Partial<ModelInfo>): ModelInfo => ({ model: 'm', displayName: '', inputModalities: [], capabilities: [], refuses: [], ...fields });
const knowing = (type: string, fields: Partial<ModelInfo>): ScriptedProvider => scriptedProvider(type, hello, { models: [info(fields)] });

function attemptsOf({ events, failure }: Generated): readonly Attempt[] {
  const last = events.at(-1)?.event;
  return last?.$case === 'finish' ? last.value.attempts : (failure?.generation?.attempts ?? []);
}
const steps = (generated: Generated) => attemptsOf(generated).map(({ provider, outcome, reason }) => [provider, outcome, reason]);
const plan = ({ generateClient, adminToken }: AdminDaemon, request: GenerateRequest): Promise<Shown[]> =>
  new Promise((resolve, reject) => generateClient.planRoute({ request }, bearer(adminToken), (error, response) => (error === null ? resolve(response.attempts) : reject(error))));

const picture = part({ $case: 'image', value: { source: { $case: 'data', value: Buffer.from('x') }, mediaType: 'image/png' } });
const tool = { name: 't', description: '', parametersJson: '{}' };
const config = { aliases: { both: ['a/m', 'b/m'] } };
const words = (count: number): GenerateRequest['messages'] => [userSays('reading material '.repeat(count / 2))];

describe('a request that a model cannot take', () => {
  it.each<readonly [string, Partial<ModelInfo>, Parameters<typeof ask>[0], string]>([
    ['a picture', { inputModalities: ['text'] }, { messages: [{ role: 2, parts: [picture] }] }, 'a/m reads no images: leave them out, or ask a model that does'],
    ['tools', { refuses: ['tools'] }, { tools: [tool] }, 'a/m calls no tools: leave tools out, or ask a model that does'],
    ['a JSON Schema', { refuses: ['json_schema'] }, { responseFormat: { format: { $case: 'jsonSchema', value: { name: 's', schemaJson: '{}', strict: true } } } }, 'a/m takes no JSON Schema: leave response_format.json_schema out, or ask a model that does'],
    ['reasoning', { refuses: ['reasoning'] }, { reasoning: { effort: 'high' } }, 'a/m does not reason: leave reasoning out, or ask a model that does'],
    ['more than it reads', { contextWindow: 4096n }, { messages: words(8000) }, 'a/m reads 4096 tokens, and this request has at least 8000: send less, or ask a model with a larger context window'],
  ])('for %s is passed over for one that can, and is told so before anybody is called', async (_what, fields, wants, message) => {
    const [a, b] = [knowing('a', fields), scriptedProvider('b', hello)];
    const daemon = await adminDaemon({ providers: [a, b], config });
    const request = (model: string) => ask({ ...wants, model });
    expect((await plan(daemon, request('both'))).map(({ provider, reason, message: said }) => [provider, reason, said])).toEqual([['a', 'NO_CANDIDATE_FITS', message], ['b', '', '']]);
    expect(steps(await generate(daemon, request('both')))).toEqual([['a', SKIPPED, 'NO_CANDIDATE_FITS'], ['b', SUCCEEDED, '']]);
    expect((await generate(daemon, request('a/m'))).failure).toMatchObject({ reason: 'NO_CANDIDATE_FITS', message, generation: { attempts: [{ outcome: SKIPPED }] } });
    expect(a.requests).toHaveLength(0);
    // Without it the model is asked.
    expect((await generate(daemon, ask({ model: 'a/m' }))).text).toBe('hello');
  });

  it('is learnt from a list that somebody asked for, and never by a question of its own', async () => {
    let questions = 0;
    const a: ScriptedProvider = { ...scriptedProvider('a', hello), listModels: async () => (questions++, [info({ refuses: ['tools'] })]) };
    const daemon = await adminDaemon({ providers: [a, scriptedProvider('b', hello)], config });
    const request = ask({ model: 'both', tools: [tool] });
    expect(steps(await generate(daemon, request))).toEqual([['a', SUCCEEDED, '']]);
    expect(questions).toBe(0);
    await daemon.listModels('a');
    expect(steps(await generate(daemon, request))).toEqual([['a', SKIPPED, 'NO_CANDIDATE_FITS'], ['b', SUCCEEDED, '']]);
    expect(questions).toBe(1);
  });

  it('by a price list alone decides between candidates: the only one is asked', async () => {
    const openai = scriptedProvider('openai', hello, { isLocal: false });
    const daemon = await adminDaemon({ providers: [openai, scriptedProvider('b', hello)], config: { aliases: { both: ['openai/gpt-4', 'b/m'] } } });
    const long = words(100_000);
    const passed = await generate(daemon, ask({ model: 'both', messages: long }));
    expect(steps(passed)).toEqual([['openai', SKIPPED, 'NO_CANDIDATE_FITS'], ['b', SUCCEEDED, '']]);
    expect(attemptsOf(passed)[0]?.message).toMatch(/^openai\/gpt-4 reads 8192 tokens/);
    expect(openai.requests).toHaveLength(0);
    expect((await generate(daemon, ask({ model: 'openai/gpt-4', messages: long }))).text).toBe('hello');
  });

  it('is none where what looks long is few tokens', async () => {
    const a = knowing('a', { contextWindow: 4096n });
    const daemon = await adminDaemon({ providers: [a, scriptedProvider('b', hello)], config });
    for (const text of [' '.repeat(1_000_000), '-'.repeat(1_000_000), 'internationalization '.repeat(4000)]) {
      expect(steps(await generate(daemon, ask({ model: 'both', messages: [userSays(`x${text}`)] })))).toEqual([['a', SUCCEEDED, '']]);
    }
  });

  it('for an answer that is longer than it can hold is passed over, and asked when it is the only one', async () => {
    const a = knowing('a', { contextWindow: 4096n, maxOutputTokens: 1000n });
    const daemon = await adminDaemon({ providers: [a, scriptedProvider('b', hello)], config });
    expect(steps(await generate(daemon, ask({ model: 'both', maxOutputTokens: 5000 })))[0]).toEqual(['a', SUCCEEDED, '']);
    const tooLong = await generate(daemon, ask({ model: 'both', maxOutputTokens: 6000 }));
    expect(steps(tooLong)).toEqual([['a', SKIPPED, 'NO_CANDIDATE_FITS'], ['b', SUCCEEDED, '']]);
    expect(attemptsOf(tooLong)[0]?.message).toContain('max_output_tokens');
    expect((await generate(daemon, ask({ model: 'a/m', maxOutputTokens: 6000 }))).text).toBe('hello');
  });

  it('of whoever is asked for is told in place of NO_PROVIDER_READY', async () => {
    const daemon = await adminDaemon({ providers: [scriptedProvider('a', hello, { models: [info({ model: 'default-model', refuses: ['tools'] })] })], config: { routing: { fallback_order: ['a'] } } });
    expect((await generate(daemon, ask({ model: 'auto', tools: [tool] }))).failure).toMatchObject({ reason: 'NO_CANDIDATE_FITS', message: expect.stringContaining('calls no tools') });
  });
});

describe('what is known of models, over any route', () => {
  const word = fc.constantFrom('tools', 'json_schema', 'reasoning');
  const model = fc.record({
    refuses: fc.uniqueArray(word),
    inputModalities: fc.constantFrom([], ['text'], ['text', 'image']),
    isFresh: fc.boolean(),
    isKnown: fc.boolean(),
    keys: fc.integer({ min: 1, max: 2 }),
    isReady: fc.boolean(),
  });
  const wants = fc.record({ tools: fc.boolean(), schema: fc.boolean(), reasons: fc.boolean(), image: fc.boolean() });

  it('passes over nobody who may fit, calls nobody who certainly does not, and gives each skip its reason', () => {
    fc.assert(
      fc.property(fc.array(model, { minLength: 1, maxLength: 5 }), wants, (models, { tools, schema, reasons, image }) => {
        const instance: ProviderInstance = { name: 'p', provider: scriptedProvider('p', hello), enabled: true, instance: { name: 'p', baseUrl: '', settings: {} }, isLocal: true, keyRequired: false, defaultModel: '', keyEnvNames: [], missingSettings: [] };
        const planned = (at: number): PlannedAttempt[] => Array.from({ length: models[at]!.keys }, () => ({ instance, model: String(at), skip: undefined, key: undefined }));
        const route: Route = { mayGoOn: true, anyReady: false, attempts: models.flatMap(({ isReady }, at) => (isReady ? planned(at) : [])) };
        const request = ask({
          model: 'x',
          ...(tools ? { tools: [tool] } : {}),
          ...(schema ? { responseFormat: { format: { $case: 'jsonSchema', value: { name: '', schemaJson: '{}', strict: false } } } } : {}),
          ...(reasons ? { reasoning: { effort: 'low' } } : {}),
          ...(image ? { messages: [{ role: 2, parts: [picture] }] } : {}),
        });
        const knowledge: ModelKnowledge = {
          known: (candidate) => {
            const known = models[Number(candidate.model)]!;
            return known.isKnown ? { info: info({ model: candidate.model, refuses: known.refuses, inputModalities: [...known.inputModalities] }), isFresh: known.isFresh } : undefined;
          },
          listedWindow: () => undefined,
        };
        const isUnfit = (at: number): boolean => {
          const { isKnown, refuses, inputModalities } = models[at]!;
          const lacks = (needed: boolean, name: (typeof refuses)[number]): boolean => needed && refuses.includes(name);
          return isKnown && (lacks(tools, 'tools') || lacks(schema, 'json_schema') || lacks(reasons, 'reasoning') || (image && inputModalities.length === 1));
        };
        const needs = needsOf(request, generateSize(request));
        const { attempts } = needs === undefined ? route : withinModels(route, needs, knowledge);
        const [asked, passed] = [attempts.filter(({ skip }) => skip === undefined), attempts.filter(({ skip }) => skip !== undefined)].map((list) => list.map((each) => Number(each.model)));
        const someFit = models.some(({ isReady }, at) => isReady && !isUnfit(at));
        for (const at of passed!) expect(isUnfit(at)).toBe(true);
        for (const at of asked!) expect(isUnfit(at) && (models[at]!.isFresh || someFit)).toBe(false);
        expect(new Set(passed).size).toBe(passed!.length);
        expect(new Set([...asked!, ...passed!]).size).toBe(models.filter(({ isReady }) => isReady).length);
        for (const { skip } of attempts) if (skip !== undefined) expect([skip.reason, skip.message !== '']).toEqual(['NO_CANDIDATE_FITS', true]);
      }),
      { numRuns: 2000 },
    );
  });
});
