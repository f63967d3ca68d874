import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Message, Part, Role } from '../../src/gen/tollgate/v1/content.ts';
import { GenerateRequest } from '../../src/gen/tollgate/v1/generate_service.ts';
import { answerMeter, type SeenAnswer } from '../../src/daemon/usage/prices/answer-meter.ts';
import { estimateUsage } from '../../src/daemon/usage/prices/estimate-usage.ts';
import type { Span } from '../../src/daemon/usage/prices/price.ts';
import { generateSize, inputTokens } from '../../src/daemon/usage/prices/request-size.ts';
import { arrayOf, isObject, stringOf } from '../../src/plugins/kit/json.ts';
import { reasoningDelta, textDelta, toolCallDelta } from '../../src/plugins/provider.ts';
import { billed, readCases, type Expectation, type RecordedCase } from './cases.ts';

const ROOT = fileURLToPath(new URL('../../../shared/fixtures/', import.meta.url));

function seenOf({ text, refusal, reasoning, tool_calls: calls }: Expectation): SeenAnswer {
  const meter = answerMeter();
  meter.add(textDelta({ part: 0, text: text + (refusal ?? ''), refusal: false, providerMetadataJson: {} }));
  meter.add(reasoningDelta({ part: 1, text: reasoning, signature: '', redactedData: Buffer.alloc(0), providerMetadataJson: {} }));
  for (const [index, { name, arguments_raw: fragment }] of calls.entries()) meter.add(toolCallDelta({ part: 2 + index, index, id: '', name, argumentsJsonFragment: fragment ?? '{}', providerMetadataJson: {} }));
  return meter.seen;
}

/** Whether something was billed that cannot be seen: hidden thoughts, what the provider's own tools read, an answer that was filtered away. */
function hides({ kinds, expected: { usage, reasoning } }: RecordedCase): boolean {
  const hasHiddenKind = kinds.some((kind) => /reasoning|server-tool|citations|annotations|content-filter/.test(kind));
  return (usage?.reasoning_tokens ?? 0) > 0 || (hasHiddenKind && reasoning === '');
}

const holds = ({ low, high }: Span, truth: bigint): boolean => low <= truth && (high === undefined || truth <= high);
const said = ({ low, expected, high }: Span): string => `${low} ${expected} ${high}`;

const answered = readCases().filter(({ expected }) => expected.outcome === 'ok' && billed(expected).output !== undefined);
const NO_REQUEST = generateSize(GenerateRequest.fromPartial({}));

describe.skipIf(answered.length === 0)('the estimated output of recorded answers', () => {
  const open = answered.filter((recorded) => !hides(recorded));
  const closed = answered.filter(hides);

  it('holds what was billed, where all that was billed can be seen', () => {
    expect(open.length).toBeGreaterThan(50);
    const missed = open.flatMap(({ folder, name, expected }) => {
      const { output } = estimateUsage(seenOf(expected), NO_REQUEST, { hidesNothing: true });
      const truth = billed(expected).output ?? -1n;
      return holds(output, truth) ? [] : [`${folder}/${name}: ${said(output)}, billed ${truth}`];
    });
    expect(missed).toEqual([]);
  });

  it('holds what was billed up to the limit, where thoughts are hidden, and has no high without one', () => {
    expect(closed.length).toBeGreaterThan(15);
    const missed = closed.flatMap(({ folder, name, expected }) => {
      const truth = billed(expected).output ?? -1n;
      const limited = estimateUsage(seenOf(expected), NO_REQUEST, { outputLimit: truth }).output;
      const unlimited = estimateUsage(seenOf(expected), NO_REQUEST).output;
      return holds(limited, truth) && holds(unlimited, truth) && unlimited.high === undefined ? [] : [`${folder}/${name}: ${said(limited)}, billed ${truth}`];
    });
    expect(missed).toEqual([]);
  });

  it('is within a factor of two for prose of some length', () => {
    const prose = open.filter(({ expected }) => expected.text.length > 100 && expected.tool_calls.length === 0);
    expect(prose.length).toBeGreaterThan(10);
    for (const { expected } of prose) {
      const guess = Number(estimateUsage(seenOf(expected), NO_REQUEST).output.expected);
      const truth = Number(billed(expected).output);
      expect(guess / truth).toBeGreaterThan(0.5);
      expect(guess / truth).toBeLessThan(2);
    }
  });
});

/** The words of a recorded request, in any dialect. */
function wordsOf(content: unknown): readonly Part[] {
  if (typeof content === 'string') return [Part.fromPartial({ part: { $case: 'text', value: content } })];
  if (Array.isArray(content)) return content.flatMap(wordsOf);
  if (!isObject(content)) return [];
  const isPicture = ['image', 'image_url', 'input_image'].includes(stringOf(content['type']) ?? '') || 'inlineData' in content || 'inline_data' in content;
  if (isPicture) return [Part.fromPartial({ part: { $case: 'image', value: { mediaType: 'image/png' } } })];
  const fields = ['text', 'content', 'parts', 'source', 'data', 'input', 'arguments', 'reasoning_content', 'thinking', 'functionCall', 'functionResponse', 'function', 'tool_calls', 'output', 'args', 'response', 'name', 'title'];
  return fields.flatMap((key) => wordsOf(content[key]));
}

function requestOf(body: Readonly<Record<string, unknown>>): GenerateRequest {
  const turns = [body['messages'], body['input'], body['contents']].flatMap((list) => (typeof list === 'string' ? [list] : arrayOf(list)));
  const system = [body['system'], body['instructions'], body['systemInstruction']].filter((each) => each !== undefined);
  const schema = body['response_format'] ?? body['output_format'] ?? body['text'] ?? body['generationConfig'];
  const pictures = (turn: unknown): readonly Part[] => (isObject(turn) ? arrayOf(turn['images']).map(() => Part.fromPartial({ part: { $case: 'image', value: { mediaType: 'image/png' } } })) : []);
  return GenerateRequest.fromPartial({
    messages: [...system, ...turns].map((turn) => Message.fromPartial({ role: Role.USER, parts: [...wordsOf(turn), ...pictures(turn)] })),
    tools: arrayOf(body['tools']).map((tool) => ({ name: 'tool', description: '', parametersJson: JSON.stringify(tool) })),
    responseFormat: schema === undefined ? undefined : { format: { $case: 'jsonSchema', value: { name: 'answer', schemaJson: JSON.stringify(schema), strict: false } } },
  });
}

const asked = answered.flatMap((recorded) => {
  const file = `${ROOT}${recorded.folder}/${recorded.name}.request.json`;
  const input = billed(recorded.expected).input;
  // What a provider's own search reads, and what it explains for citations, is no part of the request.
  const isReadByTools = recorded.kinds.some((kind) => /server-tool|annotations|citations/.test(kind));
  if (input === undefined || isReadByTools || !existsSync(file)) return [];
  return [{ recorded, input, request: requestOf(JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>) }];
});

describe.skipIf(asked.length === 0)('the bound of the input of recorded requests', () => {
  it('holds what was billed', () => {
    expect(asked.length).toBeGreaterThan(40);
    const missed = asked.flatMap(({ recorded: { folder, name }, input, request }) => {
      const size = generateSize(request);
      const span = inputTokens(size);
      return holds(span, input) ? [] : [`${folder}/${name}: ${said(span)} of ${JSON.stringify(size)}, billed ${input}`];
    });
    expect(missed).toEqual([]);
  });
});
