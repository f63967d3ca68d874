import { arrayOf, isObject } from '../../../plugins/kit/json.ts';

/** A rule of a price list that fits more than one name. */
export interface LooseRule {
  readonly fits: (name: string) => boolean;
  /** The more it looks at, the heavier. */
  readonly weight: number;
}

/** A price list's rules for the names of one model, in lower case. */
export interface ModelRules {
  readonly exact: readonly string[];
  readonly loose: readonly LooseRule[];
}

const NO_RULES: ModelRules = { exact: [], loose: [] };

/** A pattern of a price list spells a whole name out, mostly a dated snapshot. */
const PATTERN_WEIGHT = 1000;

/** A pattern that is none fits nothing: a broken list may not break a call. */
function patternRule(source: string): ModelRules {
  try {
    const pattern = new RegExp(source);
    return { exact: [], loose: [{ fits: (name) => pattern.test(name), weight: PATTERN_WEIGHT }] };
  } catch {
    return NO_RULES;
  }
}

function textRule(kind: string, word: string): ModelRules {
  const text = word.toLowerCase();
  const weight = text.length;
  switch (kind) {
    case 'equals':
      return { exact: [text], loose: [] };
    case 'starts_with':
      return { exact: [], loose: [{ fits: (name) => name.startsWith(text), weight }] };
    case 'ends_with':
      return { exact: [], loose: [{ fits: (name) => name.endsWith(text), weight }] };
    case 'contains':
      return { exact: [], loose: [{ fits: (name) => name.includes(text), weight }] };
    case 'regex':
      return patternRule(word);
    default:
      return NO_RULES;
  }
}

const fitsSome = ({ exact, loose }: ModelRules, name: string): boolean => exact.includes(name) || loose.some(({ fits }) => fits(name));

/** Reads a match rule of the price list. What it does not know fits nothing. */
export function readMatch(match: unknown): ModelRules {
  if (!isObject(match)) return NO_RULES;
  if ('or' in match) {
    const each = arrayOf(match['or']).map(readMatch);
    return { exact: each.flatMap(({ exact }) => exact), loose: each.flatMap(({ loose }) => loose) };
  }
  if ('and' in match) {
    const each = arrayOf(match['and']).map(readMatch);
    const weight = each.flatMap(({ loose }) => loose).reduce((sum, rule) => sum + rule.weight, 0);
    return { exact: [], loose: [{ fits: (name) => each.length > 0 && each.every((rules) => fitsSome(rules, name)), weight }] };
  }
  const [kind, word] = Object.entries(match)[0] ?? [];
  return kind !== undefined && typeof word === 'string' ? textRule(kind, word) : NO_RULES;
}
