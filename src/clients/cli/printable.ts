/**
 * Makes text from elsewhere safe for a terminal: no character of it can move the cursor, change colours or write to the
 * clipboard. Control characters are shown as their pictures, so that nothing is hidden; CRLF becomes LF. Works on any piece of a
 * stream by itself.
 */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll('\r', '').replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (character) => {
    const code = character.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    return code === 0x7f ? '\u2421' : '\ufffd';
  });
}
