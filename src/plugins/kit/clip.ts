/** Cuts a text to a number of UTF-8 bytes, between characters, with an ellipsis where something is missing. */
export function clip(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  const bytes = Buffer.from(text).subarray(0, maxBytes - 3);
  return `${new TextDecoder('utf-8', { fatal: false }).decode(bytes, { stream: true })}…`;
}
