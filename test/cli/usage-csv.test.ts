import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvField, csvHead, csvRow } from '../../src/clients/cli/generation-csv.ts';
import { Cost_Provenance, FinishReason } from '../../src/gen/tollgate/v1/content.ts';
import { Generation, UsageSource } from '../../src/gen/tollgate/v1/usage_service.ts';

/** A reader of RFC 4180 that knows nothing of the writer. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    let field = '';
    if (text[at] === '"') {
      for (at++; !(text[at] === '"' && text[at + 1] !== '"'); at++) {
        if (at >= text.length) throw new Error('a quote is open');
        if (text[at] === '"') at++;
        field += text[at];
      }
      at++;
    } else {
      while (at < text.length && !',\r\n"'.includes(text[at]!)) field += text[at++];
    }
    row.push(field);
    if (text[at] === ',') at++;
    else if (text.startsWith('\r\n', at)) {
      rows.push(row);
      row = [];
      at += 2;
    } else throw new Error(`neither a comma nor a line's end at ${at}`);
  }
  return rows;
}

const awkward = fc.string({ unit: fc.constantFrom('a', ',', '"', '\r', '\n', '\t', ' ', '=', '+', '-', '@', "'", '|', 'ü', '𝄞', '{', '}') });

describe('csvField', () => {
  it('gives every text back to a reader of RFC 4180, with an apostrophe only before what would be a formula', () => {
    fc.assert(fc.property(fc.array(fc.oneof(awkward, fc.string({ unit: 'binary' })), { minLength: 2, maxLength: 5 }), (texts) => {
      const [read = []] = parseCsv(`${texts.map(csvField).join(',')}\r\n`);
      expect(read).toHaveLength(texts.length);
      for (const [index, text] of texts.entries()) {
        const isMarked = read[index] !== text;
        expect(read[index]).toBe(isMarked ? `'${text}` : text);
        if (isMarked) expect(text).toMatch(/^[=+\-@\t\r]/);
      }
    }), { numRuns: 2000 });
  });

  it('lets no formula through', () => {
    fc.assert(fc.property(fc.constantFrom('=', '+', '-', '@', '\t', '\r'), fc.string(), (first, rest) => {
      const [[read = ''] = []] = parseCsv(`${csvField(`${first}${rest}`)}\r\n`);
      // What begins like a formula is made of nothing but an id's characters.
      expect(read).toMatch(/^(?:'|[+\-@][\w./:@-]*$)/);
    }), { numRuns: 2000 });
  });

  it("leaves a model's id as it is", () => {
    expect(csvField('@cf/meta/llama-3.1-8b-instruct')).toBe('@cf/meta/llama-3.1-8b-instruct');
    expect(csvField('=HYPERLINK("http://x")')).toBe('"\'=HYPERLINK(""http://x"")"');
  });
});

describe('csvRow', () => {
  const generation = Generation.fromPartial({
    generationId: 'g-1', client: 'my-app', model: 'fast', provider: 'p', responseModel: 'm, "large"', startTime: new Date('2026-11-23T10:00:00.250Z'), settleTime: new Date('2026-11-23T10:00:02Z'),
    duration: { seconds: 1n, nanos: 750_000_000 }, finishReason: FinishReason.STOP, usage: { inputTokens: 9_007_199_254_740_993n, outputTokens: 0n }, usageSource: UsageSource.REPORTED,
    cost: { expectedPicoUsd: 123n, provenance: Cost_Provenance.PRICED, priceVersion: 'v1' }, labels: { team: 'a "b", c' },
  });

  it('has a field for each column of the head', () => {
    const [head = [], row = []] = parseCsv(csvHead() + csvRow(generation));
    expect(row).toHaveLength(head.length);
    const fields = Object.fromEntries(head.map((name, at) => [name, row[at]]));
    expect(fields).toMatchObject({
      generation_id: 'g-1', response_model: 'm, "large"', start_time: '2026-11-23T10:00:00.250Z', duration_ms: '1750', input_tokens: '9007199254740993', usage_source: 'REPORTED',
      cost_pico_usd: '123', cost_provenance: 'PRICED', labels: '{"team":"a \\"b\\", c"}',
    });
  });

  it('leaves empty what is not known, and keeps a zero that is', () => {
    const [head = [], row = []] = parseCsv(csvHead() + csvRow(generation));
    const fields = Object.fromEntries(head.map((name, at) => [name, row[at]]));
    expect(fields).toMatchObject({ output_tokens: '0', reasoning_output_tokens: '', cost_low_pico_usd: '', time_to_first_token_ms: '' });
  });
});
