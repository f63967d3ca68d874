import { describe, expect, it, onTestFinished } from 'vitest';
import { Attempt_Outcome, type Attempt } from '../../../src/gen/tollgate/v1/content.ts';
import type { PlanRouteResponse } from '../../../src/gen/tollgate/v1/generate_service.ts';
import { ollama } from '../../../src/plugins/ollama.ts';
import { openaiCompatible } from '../../../src/plugins/openai-compatible.ts';
import { mockUpstream, type MockScript, type MockUpstream } from '../../mock-upstream.ts';
import { adminDaemon, type AdminDaemon } from '../admin-daemon.ts';
import { ask, bearer, generate, part, type Generated } from '../test-daemon.ts';
import { refusal, whole } from './chat-upstream.ts';

const { SKIPPED, FAILED, SUCCEEDED } = Attempt_Outcome;

async function upstream(...scripts: readonly MockScript[]): Promise<MockUpstream> {
  const mock = await mockUpstream(...scripts);
  onTestFinished(() => mock.close());
  return mock;
}

interface Scene {
  readonly daemon: AdminDaemon;
  readonly local: MockUpstream;
  readonly cloud: MockUpstream;
}

/** Ollama, which fetches no addresses, and `b`, which takes everything. */
async function scene(routing: object = {}, cloudAnswer: MockScript = whole('fine')): Promise<Scene> {
  const [local, cloud] = [await upstream({ status: 500 }), await upstream(cloudAnswer)];
  const daemon = await adminDaemon({
    providers: [ollama, openaiCompatible],
    config: { providers: { ollama: { base_url: local.url, default_model: 'l' }, b: { type: 'openai-compatible', base_url: `${cloud.url}/v1`, settings: { key_required: false }, default_model: 'm' } }, aliases: { both: ['ollama/l', 'b/m'], back: ['b/m', 'ollama/l'] }, routing },
  });
  return { daemon, local, cloud };
}

const byUrl = (fields: object) => ask({ messages: [{ role: 2, parts: [part({ $case: 'image', value: { source: { $case: 'url', value: 'https://example.invalid/cat.png' }, mediaType: 'image/png' } }), part({ $case: 'text', value: 'what is it?' })] }], ...fields });

function attemptsOf({ events, failure }: Generated): readonly Attempt[] {
  const last = events.at(-1)?.event;
  return last?.$case === 'finish' ? last.value.attempts : (failure?.generation?.attempts ?? []);
}
const steps = (generated: Generated) => attemptsOf(generated).map(({ provider, outcome, reason }) => [provider, outcome, reason]);

describe('a field that a provider cannot honour', () => {
  it('is no failure of a route that has another one: it is passed over, with the field named', async () => {
    const { daemon, local, cloud } = await scene();
    const generated = await generate(daemon, byUrl({ model: 'both' }));
    expect(generated.text).toBe('fine');
    expect(steps(generated)).toEqual([['ollama', SKIPPED, 'REQUEST_INVALID'], ['b', SUCCEEDED, '']]);
    expect(attemptsOf(generated)[0]?.message).toMatch(/messages\[0\]\.parts\[0\]\.image\.url.*send the picture itself/);
    expect(generated.events.some(({ event }) => event?.$case === 'attemptFailed')).toBe(false);
    expect([local.requests.length, cloud.requests.length]).toEqual([0, 1]);
  });

  it('of the only provider is told as REQUEST_INVALID that names it, and nobody is called', async () => {
    const { daemon, local } = await scene();
    const { failure } = await generate(daemon, byUrl({ model: 'ollama/l' }));
    expect(failure).toMatchObject({ reason: 'REQUEST_INVALID', fields: ['messages[0].parts[0].image.url'], generation: { attempts: [{ outcome: SKIPPED }] } });
    expect(local.requests).toHaveLength(0);
  });

  it('stands in the plan, which calls nobody', async () => {
    const { daemon, local, cloud } = await scene();
    const planned = await new Promise<PlanRouteResponse>((resolve, reject) => daemon.generateClient.planRoute({ request: byUrl({ model: 'both' }) }, bearer(daemon.adminToken), (error, response) => (error === null ? resolve(response) : reject(error))));
    expect(planned.attempts.map(({ provider, reason }) => [provider, reason])).toEqual([['ollama', 'REQUEST_INVALID'], ['b', '']]);
    expect(planned.attempts[0]?.message).toContain('messages[0].parts[0].image.url');
    expect([local.requests.length, cloud.requests.length]).toEqual([0, 0]);
  });

  it('uses up no attempts', async () => {
    const { daemon } = await scene({ max_attempts: 1 });
    expect((await generate(daemon, byUrl({ model: 'both' }))).text).toBe('fine');
  });

  it('behind one that failed leaves that failure as it is', async () => {
    const { daemon, local } = await scene({ retries: false }, refusal(503));
    const generated = await generate(daemon, byUrl({ model: 'back' }));
    expect(generated.failure?.reason).toBe('PROVIDER_OVERLOADED');
    expect(steps(generated)).toEqual([['b', FAILED, 'PROVIDER_OVERLOADED'], ['ollama', SKIPPED, 'REQUEST_INVALID']]);
    expect(local.requests).toHaveLength(0);
  });

  it('sends the call back to one that was passed over because it cools down, when nobody else is left', async () => {
    const { daemon, cloud } = await scene({ retries: false }, refusal(503));
    await generate(daemon, byUrl({ model: 'b/m' }));
    cloud.answer(whole('fine'));
    const generated = await generate(daemon, byUrl({ model: 'back' }));
    expect(generated.text).toBe('fine');
    expect(steps(generated)).toEqual([['b', SKIPPED, 'ALL_COOLING_DOWN'], ['ollama', SKIPPED, 'REQUEST_INVALID'], ['b', SUCCEEDED, '']]);
  });

  it('of the only ready one is told to whoever asked for anybody', async () => {
    const { daemon } = await scene({ fallback_order: ['ollama'] });
    expect((await generate(daemon, byUrl({ model: 'auto' }))).failure).toMatchObject({ reason: 'REQUEST_INVALID', fields: ['messages[0].parts[0].image.url'] });
    const two = await scene({ fallback_order: ['ollama', 'b'] });
    expect((await generate(two.daemon, byUrl({ model: 'auto' }))).text).toBe('fine');
  });
});
