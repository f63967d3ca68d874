import * as fc from 'fast-check';
import { describe, test } from 'vitest';
import { shipped } from '../../src/plugins/index.ts';
import { expectTyped, hostileProvider } from './kit/ask-hostile.ts';

const { answered } = hostileProvider();

/** What the dialects call things: enough of it that a made-up event is now and then almost one of theirs. */
const NAMES =
  'type index id name model role content text delta message choices finish_reason stop_reason usage error code status details tool_calls function arguments reasoning reasoning_content thinking signature refusal response output item output_index candidates parts functionCall args thought finishReason usageMetadata promptTokenCount done done_reason eval_count prompt_tokens input_tokens output_tokens result success errors content_block partial_json annotations encrypted_content summary'.split(
    ' ',
  );
const WORDS =
  'message_start content_block_start content_block_delta content_block_stop message_delta message_stop ping error text_delta input_json_delta thinking_delta signature_delta text thinking tool_use redacted_thinking response.created response.output_item.added response.output_text.delta response.function_call_arguments.delta response.output_item.done response.completed response.incomplete response.failed function_call reasoning message output_text stop STOP tool_calls length MAX_TOKENS completed [DONE] assistant model f {} {"a":1}'.split(
    ' ',
  );

const { event } = fc.letrec<{ event: unknown; value: unknown }>((tie) => ({
  event: fc.dictionary(fc.constantFrom(...NAMES), tie('value'), { maxKeys: 6, depthIdentifier: 'event' }),
  value: fc.oneof(
    { depthIdentifier: 'event', maxDepth: 5 },
    fc.constantFrom<unknown>(...WORDS, 0, 1, -1, 1.5, 2 ** 63, '', null, true, [], {}),
    fc.array(tie('value'), { maxLength: 3, depthIdentifier: 'event' }),
    tie('event'),
  ),
}));

const framed = fc.tuple(event, fc.constantFrom('sse', 'named', 'line'), fc.constantFrom(...WORDS)).map(([value, frame, word]) => {
  const json = JSON.stringify(value);
  return frame === 'line' ? `${json}\n` : `${frame === 'named' ? `event: ${word}\n` : ''}data: ${json}\n\n`;
});

const noise = fc.oneof(
  { weight: 6, arbitrary: framed.map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 40 }) },
  { weight: 1, arbitrary: fc.constantFrom(...['data: [DONE]\n\n', '{', '\r\n', ': x\n', 'event: error\ndata: {}\n\n'].map((text) => Buffer.from(text))) },
);

describe.each(shipped.filter(({ manifest }) => manifest.type !== 'echo').map((provider) => [provider.manifest.type, provider] as const))('whatever a provider sends, %s', (_type, provider) => {
  test('gives a whole answer or a typed error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(noise, { maxLength: 8 }), fc.constantFrom('end', 'cut'), fc.constantFrom(200, 200, 200, 400, 429, 500), async (body, ending, status) => {
        expectTyped(await answered({ status, body, ending }, provider));
      }),
      { numRuns: 150 },
    );
  }, 60_000);
});
