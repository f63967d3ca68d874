import { open, stat } from 'node:fs/promises';

const tailBytes = 8192;

/** How long the log is now, in bytes. 0 when there is none. */
export async function logLength(path: string): Promise<number> {
  return stat(path).then(({ size }) => size, () => 0);
}

function messageOf(line: string): string {
  try {
    const record: unknown = JSON.parse(line);
    if (typeof record === 'object' && record !== null && 'msg' in record && typeof record.msg === 'string') return record.msg;
  } catch {
    // Not one of pino's lines: what Node wrote when it crashed.
  }
  return line;
}

/** What the log says after `from`, its last lines, for people. */
export async function logSince(path: string, from: number): Promise<string[]> {
  const length = await logLength(path);
  // It was rotated away.
  const begin = Math.max(from > length ? 0 : from, length - tailBytes);
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return [];
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length - begin), 0, length - begin, begin);
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n').filter((line) => line.trim() !== '');
    return lines.slice(-10).map(messageOf);
  } finally {
    await file.close();
  }
}
