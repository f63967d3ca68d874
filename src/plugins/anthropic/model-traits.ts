/** What the request has to respect for one model. */
export interface ModelTraits {
  /** The most tokens of an answer: `max_tokens` when the caller sets none. */
  readonly maxOutputTokens: number;
  /**
   * How thinking is asked for: not at all, with a budget of tokens, with a budget or adaptively, only adaptively, or adaptively
   * without a way to switch it off.
   */
  readonly thinking: 'none' | 'budget' | 'budget-or-adaptive' | 'adaptive' | 'always';
  /** Which of temperature, top_p and top_k it takes: all; not temperature and top_p together; none. */
  readonly sampling: 'all' | 'one' | 'none';
  /** Whether it takes a JSON Schema for its answer. */
  readonly jsonSchema: boolean;
}

const NEWEST: ModelTraits = { maxOutputTokens: 128_000, thinking: 'adaptive', sampling: 'none', jsonSchema: true };

/** The first pattern that fits. A Claude that is not known is taken for one of the newest generation. */
const BY_MODEL: readonly (readonly [RegExp, ModelTraits])[] = [
  [/^claude-(fable|mythos)-/, { ...NEWEST, thinking: 'always' }],
  [/^claude-[a-z]+-4-6(-|$)/, { maxOutputTokens: 128_000, thinking: 'budget-or-adaptive', sampling: 'one', jsonSchema: true }],
  [/^claude-[a-z]+-4-5(-|$)/, { maxOutputTokens: 64_000, thinking: 'budget', sampling: 'one', jsonSchema: true }],
  [/^claude-opus-4-1(-|$)/, { maxOutputTokens: 32_000, thinking: 'budget', sampling: 'one', jsonSchema: true }],
  [/^claude-opus-4(-0|-20\d{6})?$/, { maxOutputTokens: 32_000, thinking: 'budget', sampling: 'one', jsonSchema: false }],
  [/^claude-sonnet-4(-0|-20\d{6})?$/, { maxOutputTokens: 64_000, thinking: 'budget', sampling: 'one', jsonSchema: false }],
  [/^claude-3-7-/, { maxOutputTokens: 64_000, thinking: 'budget', sampling: 'all', jsonSchema: false }],
  [/^claude-3-5-/, { maxOutputTokens: 8192, thinking: 'none', sampling: 'all', jsonSchema: false }],
  [/^claude-(3|2|instant)/, { maxOutputTokens: 4096, thinking: 'none', sampling: 'all', jsonSchema: false }],
  [/^claude-/, NEWEST],
];

/** A model of somebody else behind the same API: everything is sent as the caller asked. */
const FOREIGN: ModelTraits = { maxOutputTokens: 8192, thinking: 'budget', sampling: 'all', jsonSchema: true };

export const traitsOf = (model: string): ModelTraits => BY_MODEL.find(([pattern]) => pattern.test(model))?.[1] ?? FOREIGN;
