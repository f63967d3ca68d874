/** Sections of the config file that are written by name: `tollgate config preset parity`. */
export const PRESETS = {
  /** The tiers of the desktop app that Tollgate replaces. Nobody else is limited by it. */
  parity: {
    tiers: {
      free: {
        requests: { month: 10 },
        tokens: { month: 5000 },
        usd: { month: '0' },
        providers: ['ollama'],
      },
      member: {
        requests: { month: 50 },
        tokens: { month: 100_000 },
        usd: { month: '5' },
        providers: ['ollama', 'together', 'cloudflare', 'openrouter'],
        // No frontier models: those that OpenRouter passes on to the makers that the next tier may ask itself, and their like.
        models: ['!openrouter/openai/*', '!openrouter/anthropic/*', '!openrouter/google/gemini*', '!openrouter/x-ai/*'],
      },
      pro: {
        requests: { month: 200 },
        tokens: { month: 1_600_000 },
        usd: { month: '50' },
        providers: ['ollama', 'together', 'cloudflare', 'openrouter', 'openai', 'anthropic', 'groq'],
      },
      premium: { requests: { month: -1 }, tokens: { month: -1 }, usd: { month: '-1' } },
      admin: { requests: { month: -1 }, tokens: { month: -1 }, usd: { month: '-1' } },
    },
  },
} as const;

export type PresetName = keyof typeof PRESETS;
