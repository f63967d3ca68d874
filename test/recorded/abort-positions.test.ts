import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { shipped } from '../../src/plugins/index.ts';
import type { BilledStream } from '../daemon/usage/billed-stream.ts';
import { hangUpEverywhere } from '../daemon/usage/hang-up-everywhere.ts';
import { modelFor, providerFor } from './ask-case.ts';
import { billed, readCases, type RecordedCase } from './cases.ts';

const SOME_PIECES = 10;

/** What the provider says of its output in an event. */
const saidIn = (wire: string): number => Math.max(0, ...[...wire.matchAll(/"(?:output_tokens|completion_tokens)": ?(\d+)/g)].map(([, count]) => Number(count)));

/** A recorded stream as writes, one an event. Its tokens come as evenly as its events do, or earlier where the provider says so. */
function streamOf(recorded: RecordedCase): readonly BilledStream[] {
  const { folder, name, kinds, expected, file } = recorded;
  const { type, settings } = providerFor(recorded);
  const { input, output } = billed(expected);
  // What a provider's own search reads, and what it explains for citations, comes in the middle of the answer.
  const isReadByTools = kinds.some((kind) => /server-tool|annotations|citations/.test(kind));
  if (isReadByTools || file?.endsWith('.sse') !== true || expected.outcome !== 'ok' || input === undefined || output === undefined) return [];
  const wires = readFileSync(file, 'utf8').split(/(?<=\r?\n\r?\n)/);
  if (wires.length < SOME_PIECES) return [];
  const outputTokens = Number(output);
  let said = 0;
  const pieces = wires.map((wire, at) => {
    said = Math.max(said, saidIn(wire));
    // Some count their thoughts apart.
    const isWhole = said >= (expected.usage?.output_tokens ?? outputTokens);
    return { wire, text: '', outputTokens: isWhole ? outputTokens : Math.max(said, Math.ceil((outputTokens * (at + 1)) / wires.length)) };
  });
  const billsOn = shipped.some(({ manifest }) => manifest.type === type && manifest.cancelStopsBilling === false);
  return [{ name: `${folder}-${name}`, type, settings, model: modelFor(recorded), contentType: 'text/event-stream', billsOn, pieces, inputTokens: Number(input), cachedTokens: expected.usage?.cached_input_tokens ?? 0, outputTokens }];
}

const streams = readCases().flatMap(streamOf);

describe.skipIf(streams.length === 0)('a caller that hangs up at 50 places of each recorded answer', () => {
  it('costs what the provider bills, or an interval that holds it', async () => {
    expect(await hangUpEverywhere(streams, 50)).toBeGreaterThan(50);
  }, 40_000);
});
