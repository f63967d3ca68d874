import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const [first = '', second = ''] = [...readme.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, block = '']) => block).filter((block) => !block.includes('git clone'));

describe("the README's first two commands after the clone", () => {
  it('are one line each', () => {
    expect(first).toMatch(/^\S[^\n]*\n$/);
    expect(second).toMatch(/^\S[^\n]*\n$/);
  });

  it('end with a streamed answer and with the tests', () => {
    expect(first).toMatch(/npx tollgate generate /);
    expect(second).toMatch(/npm run check$/m);
  });
});
