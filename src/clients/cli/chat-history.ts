import { appendFile, readFile, rename, writeFile } from 'node:fs/promises';

const maxLines = 1000;

/** What was typed before, oldest first, at most 1000 lines. A longer file is cut to them. */
export async function loadHistory(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const lines = text.split('\n').filter((line) => line !== '');
  if (lines.length <= maxLines) return lines;
  const kept = lines.slice(-maxLines);
  const fresh = `${path}.${process.pid}`;
  await writeFile(fresh, `${kept.join('\n')}\n`, { mode: 0o600 });
  await rename(fresh, path);
  return kept;
}

/** Remembers a line. One that cannot be written is forgotten: it is a convenience. */
export async function rememberLine(path: string, line: string): Promise<void> {
  await appendFile(path, `${line}\n`, { mode: 0o600 }).catch(() => undefined);
}
