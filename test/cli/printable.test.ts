import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printable } from '../../src/clients/cli/printable.ts';

describe('printable', () => {
  it('lets no control character through but newline and tab', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(printable(text)).toMatch(/^[\P{Cc}\n\t]*$/u);
    }));
  });

  it('leaves text of any language as it is', () => {
    const text = 'Grüße, 世界 👩‍👩‍👧 עברית\n\tdone';
    expect(printable(text)).toBe(text);
  });

  it('shows an escape sequence instead of obeying it, also when it is cut between two pieces', () => {
    expect(printable('a\u001b[31mred')).toBe('a␛[31mred');
    expect(printable('\u001b') + printable(']52;c;aGk=\u0007')).toBe('␛]52;c;aGk=␇');
    expect(printable('\u009b31m')).toBe('\ufffd31m');
  });

  it('turns CRLF into LF', () => expect(printable('a\r\nb')).toBe('a\nb'));
});
