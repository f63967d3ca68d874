import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import type { MockAnswer } from './mock-upstream.ts';

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.sse': 'text/event-stream; charset=utf-8',
  '.ndjson': 'application/x-ndjson',
  '.json': 'application/json',
  '.html': 'text/html',
};

/** A whole answer that a mock gives, its body as bytes. */
export interface ProviderFixture extends MockAnswer {
  readonly body: Buffer;
}

/** Reads an answer of our own from `test/fixtures`: `providerFixture('openai/text.sse')`. */
export function providerFixture(name: string, answer: Pick<MockAnswer, 'status' | 'headers'> = {}): ProviderFixture {
  const body = readFileSync(new URL(`fixtures/${name}`, import.meta.url));
  return { ...answer, headers: { 'content-type': MEDIA_TYPES[extname(name)] ?? 'text/plain', ...answer.headers }, body };
}
