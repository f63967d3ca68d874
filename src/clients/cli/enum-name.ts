/** The name of a generated enum's value, without its prefix: FinishReason.LENGTH → "LENGTH". */
export function enumName(values: Readonly<Record<string, number>>, value: number): string {
  return Object.entries(values).find(([, number]) => number === value)?.[0] ?? String(value);
}
