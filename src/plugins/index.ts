import { anthropic } from './anthropic.ts';
import { cloudflare } from './cloudflare.ts';
import { echo } from './echo.ts';
import { ollama } from './ollama.ts';
import { openai } from './openai.ts';
import { openaiCompatible } from './openai-compatible.ts';
import { openrouter } from './openrouter.ts';
import type { Provider } from './provider.ts';
import { together } from './together.ts';

/** Every plugin that ships, one line each. */
export const shipped: readonly Provider[] = [ollama, together, cloudflare, openrouter, openai, anthropic, openaiCompatible, echo];
