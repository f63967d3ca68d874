import { anthropic } from './anthropic.ts';
import { azure } from './azure.ts';
import { cloudflare } from './cloudflare.ts';
import { deepseek } from './deepseek.ts';
import { echo } from './echo.ts';
import { google } from './google.ts';
import { groq } from './groq.ts';
import { mistral } from './mistral.ts';
import { ollama } from './ollama.ts';
import { openai } from './openai.ts';
import { openaiCompatible } from './openai-compatible.ts';
import { openrouter } from './openrouter.ts';
import type { Provider } from './provider.ts';
import { together } from './together.ts';
import { xai } from './xai.ts';

/** Every plugin that ships, one line each. */
export const shipped: readonly Provider[] = [ollama, together, cloudflare, openrouter, openai, anthropic, google, groq, mistral, deepseek, xai, azure, openaiCompatible, echo];
