import { once } from 'node:events';
import { connect } from 'node:http2';
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { ErrorClass, ProviderError, started } from '../../src/plugins/provider.ts';
import { GenerateServiceService } from '../../src/gen/tollgate/v1/generate_service.ts';
import { mockUpstream } from '../mock-upstream.ts';
import { done, hello, say, scriptedProvider } from './scripted-provider.ts';
import { ask, bearer, generate, testDaemon } from './test-daemon.ts';

describe('Generate', () => {
  it('streams started, deltas and one finish, numbered without gaps, then OK', async () => {
    const daemon = await testDaemon({ providers: [scriptedProvider('p', hello)] });
    const { events, text, failure } = await generate(daemon, ask({ model: 'p/m' }));
    expect(failure).toBeUndefined();
    expect(text).toBe('hello');
    expect(events.map(({ seq }) => Number(seq))).toEqual(events.map((_event, at) => at));
    expect(events[0]?.event).toMatchObject({ $case: 'attemptStarted', value: { provider: 'p', model: 'm', attempt: 1, generationId: expect.stringMatching(/^gen_/) } });
    expect(events.at(-1)?.event).toMatchObject({ $case: 'finish', value: { rawFinishReason: 'stop', usage: { inputTokens: 3n, outputTokens: 2n, cacheReadInputTokens: undefined } } });
    expect(events.filter(({ event }) => event?.$case === 'finish')).toHaveLength(1);
  });

  it('joins deltas that the provider sent together, and passes others on as they come', async () => {
    await using upstream = await mockUpstream();
    const text = (content: string) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;
    upstream.answer({ body: `${['a', 'b', 'c'].map(text).join('')}data: [DONE]\n\n` });
    const daemon = await testDaemon({ config: { providers: { mock: { type: 'openai-compatible', base_url: upstream.url, settings: { key_required: false } } } } });
    const { events } = await generate(daemon, ask({ model: 'mock/m' }));
    expect(events.flatMap(({ event }) => (event?.$case === 'textDelta' ? [event.value.text] : []))).toEqual(['abc']);
  });

  it('splits a delta that is longer than a response may be', async () => {
    const long = '🙂'.repeat(700_000);
    const daemon = await testDaemon({
      providers: [
        scriptedProvider('p', async function* () {
          yield started();
          yield say(long);
          yield done();
        }),
      ],
    });
    const { events, text } = await generate(daemon, ask({ model: 'p/m' }));
    expect(text === long).toBe(true);
    expect(events.length).toBeGreaterThan(5);
  });

  it('fails with the text so far, the attempt and its reason when the provider breaks after content', async () => {
    const daemon = await testDaemon({
      providers: [
        scriptedProvider('p', async function* () {
          yield started();
          yield say('half');
          throw new ProviderError(ErrorClass.OVERLOADED, 'full', { httpStatus: 529, type: 'overloaded_error', retryAfterMs: 1500 });
        }),
      ],
    });
    const { text, failure } = await generate(daemon, ask({ model: 'p/m' }));
    expect(text).toBe('half');
    expect(failure).toMatchObject({ code: status.UNAVAILABLE, reason: 'PROVIDER_OVERLOADED', retryAfterMs: 1500, metadata: { provider: 'p', model: 'm', http_status: '529', retryable: 'true', provider_type: 'overloaded_error' } });
    expect(failure?.generation).toMatchObject({ partial: true, attempts: [{ attempt: 1, provider: 'p', reason: 'PROVIDER_OVERLOADED', httpStatus: 529 }] });
  });

  it('says INTERNAL, and nothing of what was thrown, for an unforeseen error in a plugin', async () => {
    const daemon = await testDaemon({
      providers: [
        scriptedProvider('p', async function* () {
          yield started();
          throw new TypeError('secret sk-123');
        }),
      ],
    });
    const { failure } = await generate(daemon, ask({ model: 'p/m' }));
    expect(failure).toMatchObject({ code: status.INTERNAL, reason: 'INTERNAL' });
    expect(JSON.stringify(failure, (_key, value) => (typeof value === 'bigint' ? String(value) : value))).not.toContain('sk-123');
  });

  it('is an error when a plugin ends without a finish', async () => {
    const daemon = await testDaemon({
      providers: [
        scriptedProvider('p', async function* () {
          yield started();
          yield say('half');
        }),
      ],
    });
    const { failure } = await generate(daemon, ask({ model: 'p/m' }));
    expect(failure).toMatchObject({ code: status.INTERNAL, reason: 'RESPONSE_TRUNCATED', generation: { partial: true } });
  });

  it('fires the plugin\'s signal within 100 ms when the caller hangs up', async () => {
    const began = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<number>();
    const daemon = await testDaemon({
      providers: [
        scriptedProvider('p', async function* (_request, { signal }) {
          yield started();
          yield say('x');
          began.resolve();
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
          ended.resolve(performance.now());
          throw signal.reason;
        }),
      ],
    });
    const call = daemon.generateClient.generate(ask({ model: 'p/m' }), bearer(daemon.adminToken));
    call.on('error', () => {});
    call.resume();
    await began.promise;
    const hungUp = performance.now();
    call.cancel();
    expect((await ended.promise) - hungUp).toBeLessThan(100);
  });

  it('stops reading the provider when the caller does not read', async () => {
    let sent = 0;
    const stopped = Promise.withResolvers<void>();
    const daemon = await testDaemon({
      providers: [
        scriptedProvider('p', async function* (_request, { signal }) {
          yield started();
          for (let at = 0; at < 4096 && !signal.aborted; at++) {
            sent += 16_384;
            // Each piece comes in a turn of its own, as from a socket.
            await new Promise(setImmediate);
            yield say('x'.repeat(16_384));
          }
          stopped.resolve();
          yield done();
        }),
      ],
    });
    // A client of plain HTTP/2: gRPC's own would read ahead.
    const session = connect(`http://${daemon.daemon.grpc}`);
    const call = session.request({ ':method': 'POST', ':path': GenerateServiceService.generate.path, 'content-type': 'application/grpc', te: 'trailers', authorization: `Bearer ${daemon.adminToken}` });
    const message = GenerateServiceService.generate.requestSerialize(ask({ model: 'p/m' }));
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    call.end(Buffer.concat([prefix, message]));
    await once(call, 'response');
    let before = -1;
    while (before !== sent) {
      before = sent;
      for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
    }
    expect(sent).toBeLessThan(1024 * 1024);
    call.destroy();
    await stopped.promise;
    session.destroy();
  });
});
