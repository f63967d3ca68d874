import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadHistory, rememberLine } from '../../src/clients/cli/chat-history.ts';

describe('the chat history', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tollgate-history-'));
    path = join(folder, 'chat-history');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is empty before the first chat', async () => expect(await loadHistory(path)).toEqual([]));

  it('remembers lines in a file that only its owner reads', async () => {
    await rememberLine(path, 'one');
    await rememberLine(path, 'two');
    expect(await loadHistory(path)).toEqual(['one', 'two']);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('keeps the last 1000 lines', async () => {
    await writeFile(path, Array.from({ length: 1500 }, (_, index) => `${index}\n`).join(''));
    const lines = await loadHistory(path);
    expect([lines.length, lines[0], lines.at(-1)]).toEqual([1000, '500', '1499']);
    expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(1001);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('does not stop a chat when it cannot be written', async () => {
    await expect(rememberLine(join(folder, 'no', 'such', 'folder'), 'x')).resolves.toBeUndefined();
  });
});
