import { describe, expect, it } from 'vitest';
import { createGeneration } from '../../src/clients/typescript/generation.ts';
import { FinishReason } from '../../src/gen/tollgate/v1/content.ts';
import { GenerateResponse } from '../../src/gen/tollgate/v1/generate_service.ts';

const text = GenerateResponse.fromPartial({ seq: 0n, event: { $case: 'textDelta', value: { text: 'hello' } } });
const unknown = GenerateResponse.fromPartial({ seq: 1n });
const finish = GenerateResponse.fromPartial({ seq: 2n, event: { $case: 'finish', value: { finishReason: FinishReason.STOP } } });

async function* stream(...responses: GenerateResponse[]): AsyncGenerator<GenerateResponse, void> {
  yield* responses;
}

describe('a Generation', () => {
  it('skips events of a kind that it does not know', async () => {
    const seen: bigint[] = [];
    for await (const { seq } of createGeneration(() => stream(text, unknown, finish))) seen.push(seq);
    expect(seen).toEqual([0n, 2n]);
  });

  it('takes a stream that ends without a finish for a failure, never for a short success', async () => {
    const generation = createGeneration(() => stream(text));
    await expect(generation.text()).rejects.toMatchObject({ reason: 'RESPONSE_TRUNCATED' });
    await expect(generation.finish()).rejects.toMatchObject({ reason: 'RESPONSE_TRUNCATED' });
  });

  it('gives the whole answer to who asks after iterating', async () => {
    const generation = createGeneration(() => stream(text, finish));
    for await (const event of generation) expect(event.seq).toBeLessThan(3n);
    expect(await generation.text()).toBe('hello');
    expect((await generation.finish()).finishReason).toBe(FinishReason.STOP);
  });

  it('counts as finished for a reader that leaves at the finish', async () => {
    const generation = createGeneration(() => stream(text, finish));
    for await (const event of generation) if (event.$case === 'finish') break;
    expect(await generation.text()).toBe('hello');
  });

  it('is cancelled for who asks after a reader left early', async () => {
    const generation = createGeneration(() => stream(text, finish));
    for await (const event of generation) {
      expect(event.$case).toBe('textDelta');
      break;
    }
    await expect(generation.finish()).rejects.toMatchObject({ reason: 'CANCELLED' });
  });

  it('ends for who leaves before the first event', async () => {
    const generation = createGeneration(() => stream(text, finish));
    await generation[Symbol.asyncIterator]().return?.();
    await expect(generation.message()).rejects.toMatchObject({ reason: 'CANCELLED' });
  });

  it('is read only once', async () => {
    const generation = createGeneration(() => stream(text, finish));
    await generation.text();
    expect(() => generation[Symbol.asyncIterator]()).toThrow(/read once/);
  });

  it('opens the stream once, and not before it is used', async () => {
    let opened = 0;
    const generation = createGeneration(() => {
      opened++;
      return stream(text, finish);
    });
    expect(opened).toBe(0);
    await Promise.all([generation.text(), generation.finish(), generation.message()]);
    expect(opened).toBe(1);
  });
});
