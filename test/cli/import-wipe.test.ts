import { chmodSync, linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { wipeKeyFile, withoutKeys } from '../../src/clients/cli/key-files.ts';
import { parseEnvFile } from '../../src/clients/cli/parse-env-file.ts';
import { names } from './key-fixtures.ts';

const key = 'sk-live-0123456789';

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'tg-wipe-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const wiped = (path: string, text: string, ...keys: string[]): string => withoutKeys(path, Buffer.from(text, 'latin1'), names, new Set(keys)).toString('latin1');

/** What a key may be made of, and whatever could confuse a parser of files. */
const keyText = fc.string({ minLength: 12, maxLength: 40, unit: fc.constantFrom(...'abcXYZ0189_-.$+/'.split('')) }).map((text) => `sk-${text}`).filter((text) => !/\.{3}/.test(text));
const blanks = fc.constantFrom('', ' ', '\t', '  ');
const lineEnd = fc.constantFrom('\n', '\r\n');
/** Bytes that need not be UTF-8. */
const anyBytes = fc.string({ unit: fc.constantFrom(...'abc =#"\'`\\$\xff\xfe\xc3\x00é{}[],:'.split('')), maxLength: 20 });

describe('emptying a .env file', () => {
  const line = fc.tuple(blanks, fc.constantFrom('', 'export '), blanks, blanks, fc.constantFrom('', '"', "'", '`'), fc.constantFrom('', '  ', ' # of Ann'))
    .map(([before, word, left, right, quote, after]) => ({ isQuoted: quote !== '', assign: (value: string) => `${before}${word}OPENAI_API_KEY${left}=${right}${quote}${value}${quote}${after}` }));
  // Without quotes: one that nobody closes would swallow the lines after it.
  const other = fc.oneof(fc.constant('# a comment: \xff\xfe'), fc.constant(''), fc.constant('CERT="two\nOTHER=lines"'), anyBytes.map((text) => `X_${text.replaceAll(/["'`\r\n]/g, '')}`));

  it('takes the value out and leaves every other byte as it was', () => {
    fc.assert(fc.property(line, keyText, fc.array(other), fc.array(other), lineEnd, ({ isQuoted, assign }, secret, above, below, end) => {
      const whole = (value: string): string => [...above, assign(value), ...below].join(end);
      expect(wiped('.env', whole(secret), secret)).toBe(whole(isQuoted ? '' : '""'));
    }), { numRuns: 500 });
  });

  it('changes nothing but whole values of the names that it was told, whatever else stands there', () => {
    fc.assert(fc.property(fc.array(fc.oneof(anyBytes, fc.constantFrom('OPENAI_API_KEY=', key, '\n', '"', "'", 'A="', '# ')), { maxLength: 12 }), (pieces) => {
      const text = pieces.join('');
      const after = wiped('.env', text, key);
      const [left, right] = [parseEnvFile(Buffer.from(text, 'latin1')), parseEnvFile(Buffer.from(after, 'latin1'))];
      if (after === text) return;
      expect(after.replaceAll(key, '""').replaceAll('""', '')).toBe(text.replaceAll(key, '""').replaceAll('""', ''));
      expect({ ...right, OPENAI_API_KEY: '' }).toEqual({ ...left, OPENAI_API_KEY: '' });
    }), { numRuns: 1000 });
  });

  it('leaves a line that only looks like the key, inside of another value', () => {
    const text = `CERT="\nOPENAI_API_KEY=${key}\n"\nOPENAI_API_KEY=${key}\n`;
    expect(wiped('.env', text, key)).toBe(`CERT="\nOPENAI_API_KEY=${key}\n"\nOPENAI_API_KEY=""\n`);
  });

  it('leaves keys that were not stored', () => {
    const text = `OPENAI_API_KEY=${key}\nTOGETHER_API_KEY=${key}-other\n`;
    expect(wiped('.env', text, key)).toBe(`OPENAI_API_KEY=""\nTOGETHER_API_KEY=${key}-other\n`);
  });
});

describe('emptying a JSON file', () => {
  it('takes the values out and leaves every other byte as it was', () => {
    const json = fc.json({ maxDepth: 4 });
    const gap = fc.constantFrom('', ' ', '\n\t', '\r\n');
    fc.assert(fc.property(json, json, keyText, gap, fc.constantFrom('', '\uFEFF'), (first, last, secret, blank, mark) => {
      const whole = (value: string): string => `${mark}{${blank}"a":${first},"apiKeys"${blank}:{"openai":${blank}${JSON.stringify(value)}}${blank},"\\u00e9\\"":${last}}\n`;
      const change = (text: string): string => withoutKeys('x.json', Buffer.from(text), names, new Set([secret])).toString();
      expect(change(whole(secret))).toBe(whole(''));
    }), { numRuns: 500 });
  });

  it('finds a value that is written with escapes', () => {
    expect(wiped('x.json', `{"openai\\u0041piKey":"\\u0073k-live-0123456789", "b":"\xff"}`, key)).toBe('{"openai\\u0041piKey":"", "b":"\xff"}');
  });
});

describe('wipeKeyFile', () => {
  it('keeps the mode and the symbolic link, and leaves nothing beside the file', async () => {
    const home = folder();
    const path = join(home, '.env');
    writeFileSync(path, `A=1\nOPENAI_API_KEY="${key}"\n`);
    chmodSync(path, 0o640);
    symlinkSync('.env', join(home, 'link'));
    expect(await wipeKeyFile(join(home, 'link'), names, new Set([key]))).toEqual({ linesLeft: [], othersLeft: [], hasOtherName: false });
    expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777, readdirSync(home)]).toEqual(['A=1\nOPENAI_API_KEY=""\n', 0o640, ['.env', 'link']]);
  });

  it('tells of lines in which a key still stands, and of another name of the file', async () => {
    const home = folder();
    const path = join(home, '.env');
    const text = `# OPENAI_API_KEY=${key}\nOPENAI_API_KEY=${key}\n`;
    writeFileSync(path, text);
    linkSync(path, join(home, 'other'));
    expect(await wipeKeyFile(path, names, new Set([key]))).toEqual({ linesLeft: [1], othersLeft: [], hasOtherName: true });
    expect(readFileSync(path, 'utf8')).toBe(`# OPENAI_API_KEY=${key}\nOPENAI_API_KEY=""\n`);
    expect(readFileSync(join(home, 'other'), 'utf8')).toBe(text);
  });

  it('names the keys that it was not told to empty, also overruled ones and those in comments', async () => {
    const path = join(folder(), '.env');
    writeFileSync(path, `OPENAI_API_KEY=${key}\nTOGETHER_API_KEY=${key}-b\nTOGETHER_API_KEY=""\n# export ANTHROPIC_API_KEY="sk-ant-0123456789"\n# GROQ_API_KEY=your-key\n`);
    expect((await wipeKeyFile(path, names, new Set([key]))).othersLeft.toSorted()).toEqual(['ANTHROPIC_API_KEY', 'TOGETHER_API_KEY']);
  });

  it('leaves a file that may not be written as it is', async () => {
    const home = folder();
    const path = join(home, 'x.json');
    writeFileSync(path, '{"openai": ');
    await expect(wipeKeyFile(path, names, new Set([key]))).rejects.toThrow();
    expect(readdirSync(home)).toEqual(['x.json']);
  });
});
