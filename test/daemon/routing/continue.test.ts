import { describe, expect, it } from 'vitest';
import { Attempt_Outcome, Role, type Attempt } from '../../../src/gen/tollgate/v1/content.ts';
import { RoutingOptions_OnInterrupt as OnInterrupt, type GenerateRequest } from '../../../src/gen/tollgate/v1/generate_service.ts';
import { ErrorClass, ProviderError, reasoningDelta, started, textDelta, toolCallDelta, type ProviderEvent } from '../../../src/plugins/provider.ts';
import { done, say, scriptedProvider, type ScriptedProvider } from '../scripted-provider.ts';
import { ask, generate, testDaemon, userSays, type Generated } from '../test-daemon.ts';

const { FAILED, SUCCEEDED } = Attempt_Outcome;
const think = (text: string, fields: { readonly signature?: string; readonly redactedData?: Buffer } = {}, part = 0): ProviderEvent =>
  reasoningDelta({ part, text, signature: '', redactedData: Buffer.alloc(0), providerMetadataJson: {}, ...fields });
const callTool = (part = 0): ProviderEvent => toolCallDelta({ part, index: 0, id: 'c1', name: 't', argumentsJsonFragment: '{"a":', providerMetadataJson: {} });

const breaking = (type: string, errorClass: ErrorClass, ...events: readonly ProviderEvent[]): ScriptedProvider =>
  scriptedProvider(type, async function* () {
    yield started();
    yield* events;
    throw new ProviderError(errorClass, 'broke', { usage: { outputTokens: 7n } });
  });
const answering = (type: string, ...events: readonly ProviderEvent[]): ScriptedProvider =>
  scriptedProvider(type, async function* () {
    yield started();
    yield* events;
    yield done({ outputTokens: 5n });
  });

async function run(first: ScriptedProvider, second: ScriptedProvider, fields: Partial<GenerateRequest> = {}, model = 'both'): Promise<Generated> {
  const daemon = await testDaemon({ providers: [first, second], config: { aliases: { both: ['a/m', 'b/m'] } } });
  return generate(daemon, ask({ model, ...fields, routing: { onInterrupt: OnInterrupt.CONTINUE } }));
}

function attemptsOf({ events, failure }: Generated): readonly Attempt[] {
  const last = events.at(-1)?.event;
  return last?.$case === 'finish' ? last.value.attempts : (failure?.generation?.attempts ?? []);
}
const pieces = ({ events }: Generated) => events.flatMap(({ event }) => (event?.$case === 'textDelta' || event?.$case === 'reasoningDelta' ? [[event.$case, event.value.part, event.value.text]] : []));

describe('on_interrupt: CONTINUE', () => {
  it('goes on with the next model, which sees the text so far, and marks the join', async () => {
    const second = answering('b', say('ginning'));
    const generated = await run(breaking('a', ErrorClass.TRUNCATED, say('the '), say('be')), second);
    expect([generated.text, generated.failure]).toEqual(['the beginning', undefined]);
    expect(generated.events.map(({ event }) => event?.$case)).toEqual(['attemptStarted', 'textDelta', 'textDelta', 'attemptFailed', 'attemptStarted', 'textDelta', 'finish']);
    expect(generated.events.map(({ seq }) => Number(seq))).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(second.requests[0]?.messages.map(({ role, parts }) => [role, parts.map(({ part }) => part?.value)])).toEqual([
      [Role.USER, ['hi']],
      [Role.ASSISTANT, ['the be']],
    ]);
    expect(attemptsOf(generated).map(({ outcome, reason, usage }) => [outcome, reason, usage?.outputTokens])).toEqual([
      [FAILED, 'RESPONSE_TRUNCATED', 7n],
      [SUCCEEDED, '', 5n],
    ]);
  });

  it('keeps one part of text one part, and puts anything else behind it', async () => {
    const generated = await run(breaking('a', ErrorClass.SERVER, think('hm'), say('one ', 1)), answering('b', say('two'), think('so', {}, 1), say('three', 2)));
    expect(pieces(generated)).toEqual([
      ['reasoningDelta', 0, 'hm'],
      ['textDelta', 1, 'one '],
      ['textDelta', 1, 'two'],
      ['reasoningDelta', 2, 'so'],
      ['textDelta', 3, 'three'],
    ]);
    const thinksFirst = await run(breaking('a', ErrorClass.SERVER, say('one ')), answering('b', think('so'), say('two', 1)));
    expect(pieces(thinksFirst).map(([, part]) => part)).toEqual([0, 1, 2]);
  });

  it('begins anew when only a plain thought was shown', async () => {
    const second = answering('b', say('answer'));
    const generated = await run(breaking('a', ErrorClass.SERVER, think('hm')), second);
    expect(generated.text).toBe('answer');
    expect(second.requests[0]?.messages).toHaveLength(1);
  });

  it('adds to the words that the caller put into the model’s mouth', async () => {
    const second = answering('b', say('.'));
    await run(breaking('a', ErrorClass.SERVER, say(' world')), second, { messages: [userSays('hi'), { role: Role.ASSISTANT, parts: [{ part: { $case: 'text', value: 'hello' }, providerMetadataJson: {} }] }] });
    expect(second.requests[0]?.messages.map(({ parts }) => parts.map(({ part }) => part?.value))).toEqual([['hi'], ['hello', ' world']]);
  });

  it('goes on more than once, and counts each as an attempt', async () => {
    const daemon = await testDaemon({
      providers: [breaking('a', ErrorClass.SERVER, say('a')), breaking('b', ErrorClass.SERVER, say('b')), breaking('c', ErrorClass.SERVER, say('c')), answering('d', say('d'))],
      config: { aliases: { all: ['a/m', 'b/m', 'c/m', 'd/m'] } },
    });
    const generated = await generate(daemon, ask({ model: 'all', routing: { onInterrupt: OnInterrupt.CONTINUE } }));
    expect([generated.text, generated.failure?.reason, generated.failure?.generation?.partial]).toEqual(['abc', 'ALL_ATTEMPTS_FAILED', true]);
  });

  it.each([
    ['inside a tool call', [say('let me see'), callTool(1)]],
    ['after a signed thought', [think('hm', { signature: 's' }), say('so', 1)]],
    ['after a hidden thought', [think('', { redactedData: Buffer.from('x') }), say('so', 1)]],
    ['inside a refusal', [textDelta({ part: 0, text: 'I cannot', refusal: true, providerMetadataJson: {} })]],
  ] as const)('never goes on %s', async (_what, events) => {
    const second = answering('b', say('more'));
    const generated = await run(breaking('a', ErrorClass.SERVER, ...events), second);
    expect([generated.failure?.reason, generated.failure?.generation?.partial, second.requests.length]).toEqual(['PROVIDER_UNAVAILABLE', true, 0]);
  });

  it('never goes on with JSON', async () => {
    const second = answering('b', say('}'));
    const generated = await run(breaking('a', ErrorClass.SERVER, say('{')), second, { responseFormat: { format: { $case: 'json', value: {} } } });
    expect([generated.failure?.reason, second.requests.length]).toEqual(['PROVIDER_UNAVAILABLE', 0]);
  });

  it.each([
    ['the failure is none that may pass', ErrorClass.CONTENT_FILTER, 'both', 'CONTENT_FILTERED'],
    ['the route has no other model', ErrorClass.SERVER, 'a/m', 'PROVIDER_UNAVAILABLE'],
  ])('does not go on where %s', async (_what, errorClass, model, reason) => {
    const [first, second] = [breaking('a', errorClass, say('half')), answering('b', say('more'))];
    const generated = await run(first, second, {}, model);
    expect([generated.text, generated.failure?.reason, first.requests.length, second.requests.length]).toEqual(['half', reason, 1, 0]);
  });

  it('is refused where the word is none', async () => {
    const daemon = await testDaemon({ providers: [answering('a', say('x'))] });
    const { failure } = await generate(daemon, ask({ model: 'a/m', routing: { onInterrupt: 7 as OnInterrupt, hedgeAfter: { seconds: -1n, nanos: 0 } } }));
    expect(failure).toMatchObject({ reason: 'REQUEST_INVALID', fields: ['routing.hedge_after', 'routing.on_interrupt'] });
  });
});
