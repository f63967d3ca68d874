import { readFile } from 'node:fs/promises';
import type { Picture } from '../typescript/messages.ts';
import { CliError, exitCode } from './cli-error.ts';
import { fileProblem } from './file-problem.ts';

/** How the formats begin that models read. */
function mediaTypeOf(data: Buffer): string | undefined {
  const start = data.toString('latin1', 0, 12);
  if (start.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (start.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (start.startsWith('GIF87a') || start.startsWith('GIF89a')) return 'image/gif';
  if (start.startsWith('RIFF') && start.endsWith('WEBP')) return 'image/webp';
  return undefined;
}

export async function readPicture(path: string): Promise<Picture> {
  let data: Buffer;
  try {
    data = await readFile(path);
  } catch (error) {
    throw new CliError(exitCode.wrongUse, fileProblem(error, path) ?? `The image ${path} cannot be read: ${String(error)}`);
  }
  const mediaType = mediaTypeOf(data);
  if (mediaType === undefined) throw new CliError(exitCode.wrongUse, `${path} is no PNG, JPEG, GIF or WebP image.`);
  return { data, mediaType };
}
