/** How much a model of Gemini 3 and later may think, least first. */
export type ThinkingLevel = 'minimal' | 'low' | 'medium' | 'high';

/** How thinking is asked for. */
export type Thinking =
  | { readonly kind: 'none' }
  /** A number of tokens from `min` to `max`; 0 where it can be switched off. */
  | { readonly kind: 'budget'; readonly min: number; readonly max: number; readonly canBeOff: boolean }
  /** One of these words, least first. It cannot be switched off. */
  | { readonly kind: 'level'; readonly levels: readonly [ThinkingLevel, ...ThinkingLevel[]] };

/** What the request has to respect for one model. */
export interface ModelTraits {
  readonly thinking: Thinking;
  /** Whether it refuses its own calls of tools without their signature, and takes pictures inside of a tool's result. */
  readonly isThirdGeneration: boolean;
  /** Whether it fetches a picture from any https address. */
  readonly fetchesUrls: boolean;
}

const NONE: Thinking = { kind: 'none' };
const ALL_LEVELS: Thinking = { kind: 'level', levels: ['minimal', 'low', 'medium', 'high'] };

/** The first pattern that fits. A Gemini that is not known is taken for one of the newest generation. */
const THINKING: readonly (readonly [RegExp, Thinking])[] = [
  [/^gemini-.*-(image|tts|embedding)(-|$)/, NONE],
  [/^gemini-embedding/, NONE],
  [/^gemini-(1|2\.0)[.-]/, NONE],
  [/^gemini-2\.5-pro/, { kind: 'budget', min: 128, max: 32_768, canBeOff: false }],
  [/^gemini-2\.5-flash-lite/, { kind: 'budget', min: 512, max: 24_576, canBeOff: true }],
  [/^gemini-(2\.5|robotics-er-1\.5)-/, { kind: 'budget', min: 1, max: 24_576, canBeOff: true }],
  [/^gemini-3-pro/, { kind: 'level', levels: ['low', 'high'] }],
  [/^gemini-.*flash-lite/, ALL_LEVELS],
  [/^gemini-3(\.[0-6])?-flash/, ALL_LEVELS],
  [/^gemini-/, { kind: 'level', levels: ['low', 'medium', 'high'] }],
  [/^gemma-[4-9]/, { kind: 'level', levels: ['minimal', 'high'] }],
];

/** "models/gemini-3.5-flash" is the same model. */
const bare = (model: string): string => model.replace(/^models\//, '');

export function traitsOf(model: string): ModelTraits {
  const name = bare(model);
  const isGemini = name.startsWith('gemini-');
  return {
    thinking: THINKING.find(([pattern]) => pattern.test(name))?.[1] ?? NONE,
    isThirdGeneration: isGemini && !/^gemini-([12][.-]|robotics-er-1\.5)/.test(name),
    fetchesUrls: isGemini && !/^gemini-(1|2\.0)[.-]/.test(name),
  };
}
