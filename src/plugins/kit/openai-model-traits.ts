/** What the models of OpenAI have in common with their names, wherever they are served. */
export interface OpenaiModelTraits {
  /** Whether it reasons before it answers. The chat variants of the gpt-5 family do not. */
  readonly reasons: boolean;
  /** Whether it can be told not to reason: it then takes sampling options like any other. */
  readonly canSkipReasoning: boolean;
  /** Whether chat completions do not serve it at all. */
  readonly onlyResponses: boolean;
  /** The most tokens of prompt and answer together. Undefined when not known. */
  readonly contextWindow: bigint | undefined;
  /** The most tokens of an answer. Undefined when not known. */
  readonly maxOutputTokens: bigint | undefined;
}

const REASONS = /^(?:ft:)?(?:o\d|codex-|gpt-(?:[5-9]|\d{2,})(?!(?:\.\d+)?-(?:chat|search)))/;
const CAN_SKIP_REASONING = /^(?:ft:)?gpt-(?:5\.\d|[6-9]|\d{2,})/;
const ONLY_RESPONSES = /^(?:codex-|computer-use-)|^(?:o\d|gpt-(?:[5-9]|\d{2,})).*-(?:codex|deep-research|pro)\b/;

/** The first pattern that fits. OpenAI's list of models says nothing of this. */
const LIMITS: readonly (readonly [RegExp, contextWindow: bigint, maxOutputTokens: bigint])[] = [
  [/^gpt-5(?:\.\d+)?-chat/, 128_000n, 16_384n],
  [/^gpt-5\.[46](?!-(?:mini|nano))/, 1_050_000n, 128_000n],
  [/^gpt-5(?:\.[1-4])?(?:-|$)/, 400_000n, 128_000n],
  [/^gpt-4\.1/, 1_047_576n, 32_768n],
  [/^(?:gpt|chatgpt)-4o(?!.*-(?:audio|realtime|transcribe|tts))/, 128_000n, 16_384n],
  [/^o1-mini/, 128_000n, 65_536n],
  [/^o1-preview/, 128_000n, 32_768n],
  [/^o[134](?:-|$)/, 200_000n, 100_000n],
  [/^gpt-4-(?:turbo|1106|0125)/, 128_000n, 4096n],
  [/^gpt-4(?:-0613)?$/, 8192n, 8192n],
  [/^gpt-3\.5-turbo(?!-instruct)/, 16_385n, 4096n],
];

export function openaiModelTraits(model: string): OpenaiModelTraits {
  const [, contextWindow, maxOutputTokens] = LIMITS.find(([pattern]) => pattern.test(model)) ?? [];
  return {
    reasons: REASONS.test(model),
    canSkipReasoning: CAN_SKIP_REASONING.test(model),
    onlyResponses: ONLY_RESPONSES.test(model),
    contextWindow,
    maxOutputTokens,
  };
}
