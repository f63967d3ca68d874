import { describe, expect, test } from 'vitest';
import { CheckKeyResponse_Verdict as Verdict } from '../../src/gen/tollgate/provider/v1/provider_service.ts';
import { FinishReason } from '../../src/gen/tollgate/v1/content.ts';
import { echo } from '../../src/plugins/echo.ts';
import { ErrorClass, type GenerateRequest } from '../../src/plugins/provider.ts';
import { expectOrder } from '../answer-contract.ts';
import { collectAnswer, providerErrorOf, type CollectedAnswer } from '../collect-answer.ts';
import { assistant, generateRequest, user } from '../generate-request.ts';
import { testProvider } from '../provider-contract.ts';

testProvider({ provider: echo, model: 'say' });

type Fields = Partial<Omit<GenerateRequest, 'instance'>>;
const ask = (model: string, fields: Fields = {}, signal = AbortSignal.timeout(15_000)): Promise<CollectedAnswer> =>
  collectAnswer(echo.generate(generateRequest({ baseUrl: '', model, ...fields }), { signal }));

describe('echo', () => {
  test('greets, says what Tollgate is and what to do next, and repeats the last words', async () => {
    const answer = await ask('hello', { messages: [user('first'), assistant('?'), user('What is this?')] });
    expect(answer.error).toBeUndefined();
    expect(answer.text).toMatch(/^Hello!.*"What is this\?"/);
    expect(answer.text).toMatch(/no provider has a key yet/);
    expect(answer.text).toMatch(/tollgate keys set /);
    expect(answer.order.filter((kind) => kind === 'textDelta').length).toBeGreaterThan(20);
  });

  test('says the last text back unchanged, word by word, and counts its words', async () => {
    const text = '  Two  words,\n\nand a tail \n';
    const answer = await ask('say', { messages: [user('not this'), assistant('nor this'), user('  Two  words,', '\n\nand a tail \n')] });
    expectOrder(answer);
    expect(answer.text).toBe(text);
    expect(answer.order.filter((kind) => kind === 'textDelta').length).toBe(6);
    expect(answer.finish).toEqual({ finishReason: FinishReason.STOP, rawFinishReason: '', responseModel: 'say', usage: { outputTokens: 5n }, providerRequestId: '' });
  });

  test('keeps to a limit of tokens, which are words', async () => {
    const answer = await ask('say', { messages: [user('one two three')], maxOutputTokens: 2 });
    expect(answer.text).toBe('one two');
    expect(answer.finish).toMatchObject({ finishReason: FinishReason.LENGTH, usage: { outputTokens: 2n } });
    const exact = await ask('say', { messages: [user('one two')], maxOutputTokens: 2 });
    expect(exact.finish?.finishReason).toBe(FinishReason.STOP);
  });

  test('takes its time, and stops at once when it is aborted', async () => {
    const abort = new AbortController();
    const reason = new Error('the caller went away');
    const seen: number[] = [];
    const reading = (async () => {
      for await (const event of echo.generate(generateRequest({ baseUrl: '', model: 'slow', messages: [user('one two three four')] }), { signal: abort.signal })) {
        if (event.$case !== 'textDelta') continue;
        seen.push(performance.now());
        if (seen.length === 2) abort.abort(reason);
      }
    })();
    await expect(reading).rejects.toBe(reason);
    expect(seen.length).toBe(2);
    expect((seen[1] ?? 0) - (seen[0] ?? 0)).toBeGreaterThan(90);
  });

  test('streams any number of words, with turns of the event loop in between', async () => {
    const abort = new AbortController();
    setImmediate(() => abort.abort());
    const answer = await ask('tokens-1000000', {}, abort.signal);
    expect(answer.error).toMatchObject({ name: 'AbortError' });
    expect(answer.order.length).toBeLessThan(1000);
    const whole = await ask('tokens-300');
    expect(whole.text.split(' ')).toHaveLength(300);
    expect(whole.finish?.usage).toEqual({ outputTokens: 300n });
  });

  test('calls the first tool, or the one that is asked for', async () => {
    const tools = ['first', 'second'].map((name) => ({ name, description: '', parametersJson: '' }));
    const answer = await ask('tools', { tools });
    expectOrder(answer);
    expect(answer.toolCalls).toMatchObject([{ name: 'first', arguments: '{}' }]);
    expect(answer.finish?.finishReason).toBe(FinishReason.TOOL_CALL);
    const chosen = await ask('tools', { tools, toolChoice: { choice: { $case: 'toolName', value: 'second' } } });
    expect(chosen.toolCalls).toMatchObject([{ name: 'second' }]);
    expect(providerErrorOf(await ask('tools'))).toMatchObject({ errorClass: ErrorClass.UNSUPPORTED, code: 'tools' });
  });

  test.each([
    ['fail-auth', ErrorClass.AUTH, undefined],
    ['fail-rate-limit', ErrorClass.RATE_LIMIT, 1000],
    ['fail-overloaded', ErrorClass.OVERLOADED, undefined],
    ['fail-server', ErrorClass.SERVER, undefined],
    ['fail-filter', ErrorClass.CONTENT_FILTER, undefined],
  ])('fails as %s', async (model, errorClass, retryAfterMs) => {
    const answer = await ask(model);
    expect(answer.order).toEqual(['started']);
    expect(providerErrorOf(answer)).toMatchObject({ errorClass, retryAfterMs });
  });

  test('breaks off in the middle', async () => {
    const answer = await ask('fail-truncated');
    expect(answer.text).toBe('This answer breaks off in the');
    expect(answer.order).not.toContain('finish');
    expect(providerErrorOf(answer)).toMatchObject({ errorClass: ErrorClass.TRUNCATED, usage: { outputTokens: 6n } });
  });

  test.each(['nothing', 'tokens-0', 'tokens-99999999', 'tokens-1x', ''])('has no model "%s", and names those that it has', async (model) => {
    const answer = await ask(model);
    expect(answer.order).toEqual([]);
    const error = providerErrorOf(answer);
    expect(error.errorClass).toBe(ErrorClass.NOT_FOUND);
    expect(error.message).toContain('hello');
  });

  test('names the fields that mean nothing to it', async () => {
    const answer = await ask('say', { temperature: 1, seed: 3n, stopSequences: ['x'], tools: [{ name: 't', description: '', parametersJson: '' }] });
    expect(answer.ignoredFields).toEqual(['temperature', 'stop_sequences', 'seed', 'tools']);
  });

  test('is asked for nothing by default: no claim, no default model, no key', async () => {
    const { claims, defaultModel, key, isLocal, models } = echo.manifest;
    expect({ claims, defaultModel, key, isLocal }).toEqual({ claims: [], defaultModel: '', key: undefined, isLocal: true });
    expect(await echo.listModels({ instance: undefined, key: '' }, { signal: AbortSignal.timeout(1000) })).toEqual(models);
    expect((await echo.checkKey({ instance: undefined, key: '' }, { signal: AbortSignal.timeout(1000) })).verdict).toBe(Verdict.VALID);
  });
});
