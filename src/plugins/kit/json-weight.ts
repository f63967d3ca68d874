/** Shorter texts are parsed without a look: whatever they hold fits. */
const LOOK_FROM_CHARS = 4096;
/** The most objects and lists of one text. Each takes many times the memory of its brackets. */
const MAX_CONTAINERS = 250_000;
/** The deepest nesting. Much deeper, and writing the value down again would overflow the stack. */
const MAX_DEPTH = 1000;

const [QUOTE, BACKSLASH, OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = Buffer.from('"\\{}[]');

/** Whether the value of a JSON text would take far more memory than the text is long, or would be nested without end. */
export function isTooHeavy(text: string): boolean {
  if (text.length < LOOK_FROM_CHARS) return false;
  let containers = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) {
      at = endOfString(text, at);
    } else if (char === OPEN_BRACE || char === OPEN_BRACKET) {
      depth++;
      containers++;
      if (depth > MAX_DEPTH || containers > MAX_CONTAINERS) return true;
    } else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) {
      depth--;
    }
  }
  return false;
}

/** Where the string that begins at a place has its closing quote: the first that no odd number of backslashes stands before. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (text.charCodeAt(before) === BACKSLASH) before--;
    if ((end - before) % 2 === 1) return end;
  }
  return text.length;
}
