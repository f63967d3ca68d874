import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { REASONS } from '../../src/daemon/failure.ts';
import { CODE_BY_REASON } from '../../src/daemon/server/rpc-error.ts';

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

const rows = page
  .split('\n')
  .filter((line) => line.startsWith('|') && !line.startsWith('|---') && !line.startsWith('| reason |'))
  .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));

describe('docs/errors.md', () => {
  it('explains every reason once, and no other', () => {
    expect(rows.map(([reason = '']) => reason).toSorted()).toEqual(REASONS.map((reason) => `\`${reason}\``).toSorted());
  });

  it('gives the gRPC code that the daemon sends', () => {
    expect(Object.fromEntries(rows.map(([reason = '', code]) => [reason.replaceAll('`', ''), code]))).toEqual(CODE_BY_REASON);
  });

  it('says of each what it means and what to do', () => {
    for (const row of rows) {
      expect(row, row[0]).toHaveLength(4);
      expect(row[2], row[0]).toMatch(/\.\)?$/);
      expect(row[3], row[0]).toMatch(/\.\)?$/);
    }
  });
});
