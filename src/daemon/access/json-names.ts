const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]/g;

/** Whether the object that a JSON text holds has a name twice: one program takes the first of them, another the last. */
export function hasNameTwice(json: string): boolean {
  const names = new Set<string>();
  let depth = 0;
  let before = '';
  let name: string | undefined;
  for (const [token] of json.matchAll(TOKEN)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    else if (depth === 1 && token === ':' && name !== undefined) {
      if (names.has(name)) return true;
      names.add(name);
    }
    name = token.startsWith('"') && (before === '{' || before === ',') ? String(JSON.parse(token)) : undefined;
    before = token;
  }
  return false;
}
