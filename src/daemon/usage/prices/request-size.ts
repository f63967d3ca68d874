import type { EmbedRequest, GenerateRequest } from '../../../gen/tollgate/v1/generate_service.ts';
import type { Part } from '../../../gen/tollgate/v1/content.ts';
import type { Span } from './price.ts';

/** How much a request gives a model to read. Counted once, without a tokenizer. */
export interface RequestSize {
  /** Of everything that may be sent, in UTF-8; pictures apart. */
  readonly bytes: number;
  /** Of what is certainly read: the words of the conversation, in UTF-16 code units. */
  readonly characters: number;
  /** Messages, or texts to embed. */
  readonly pieces: number;
  readonly tools: number;
  readonly images: number;
}

interface Tally {
  bytes: number;
  characters: number;
  images: number;
}

const bytesOf = (text: string): number => Buffer.byteLength(text);

function addText(tally: Tally, text: string): void {
  tally.bytes += bytesOf(text);
  tally.characters += text.length;
}

function addPart(tally: Tally, { part, providerMetadataJson }: Part): void {
  for (const json of Object.values(providerMetadataJson)) tally.bytes += bytesOf(json);
  switch (part?.$case) {
    case 'text':
    case 'refusal':
      addText(tally, part.value);
      break;
    case 'image':
      tally.images += 1;
      break;
    case 'toolCall':
      tally.bytes += bytesOf(part.value.name) + bytesOf(part.value.argumentsJson);
      break;
    case 'toolResult':
      addText(tally, part.value.content);
      break;
    case 'reasoning':
      tally.bytes += bytesOf(part.value.text) + bytesOf(part.value.signature) + part.value.redactedData.length;
      break;
    case undefined:
  }
}

const ofTexts = (texts: readonly string[]): number => texts.reduce((sum, text) => sum + bytesOf(text), 0);

export function generateSize({ messages, tools, responseFormat, providerOptionsJson }: GenerateRequest): RequestSize {
  const tally: Tally = { bytes: ofTexts(Object.values(providerOptionsJson)), characters: 0, images: 0 };
  for (const message of messages) for (const part of message.parts) addPart(tally, part);
  for (const tool of tools) tally.bytes += ofTexts([tool.name, tool.description, tool.parametersJson]);
  if (responseFormat?.format?.$case === 'jsonSchema') tally.bytes += ofTexts([responseFormat.format.value.name, responseFormat.format.value.schemaJson]);
  return { ...tally, pieces: messages.length, tools: tools.length };
}

export function embedSize({ inputs }: EmbedRequest): RequestSize {
  const tally: Tally = { bytes: 0, characters: 0, images: 0 };
  for (const input of inputs) addText(tally, input);
  return { ...tally, pieces: inputs.length, tools: 0 };
}

/** What providers add by themselves: a system prompt of their own (xAI: 190 tokens), marks around every message. */
const TOKENS_ADDED = 256;
const TOKENS_PER_PIECE = 16;
/** Anthropic explains the use of tools to its models in some 500 tokens. */
const TOKENS_FOR_TOOLS = 768;
const TOKENS_PER_TOOL = 64;
/**
 * For one picture. Models take up to: Anthropic's 4,784, OpenAI's 3,779, Google's 258 for each 768 × 768, Qwen's 16,384. OpenAI bills gpt-4o-mini up to 48,169 (each
 * at a sixteenth of gpt-4o's price): there, a large picture can come to more than its bound.
 */
const TOKENS_PER_IMAGE = 16_384;
const IMAGE_TOKENS_EXPECTED = 1024;
/** Half the bytes: more than any usual text has, though not the most that it could have. */
const BOUND_BYTES_PER_TOKEN = 2;
const USUAL_BYTES_PER_TOKEN = 4;
/** Fewer tokens than this many characters make is unheard of. */
export const MOST_CHARACTERS_PER_TOKEN = 8;

/** The tokens of a request. `high` is what is reserved for it. */
export function inputTokens({ bytes, characters, pieces, tools, images }: RequestSize): Span & { readonly high: bigint } {
  const added = TOKENS_ADDED + TOKENS_PER_PIECE * pieces + (tools > 0 ? TOKENS_FOR_TOOLS + TOKENS_PER_TOOL * tools : 0);
  return {
    low: BigInt(Math.floor(characters / MOST_CHARACTERS_PER_TOKEN)),
    expected: BigInt(Math.ceil(bytes / USUAL_BYTES_PER_TOKEN) + (TOKENS_PER_PIECE / 4) * pieces + IMAGE_TOKENS_EXPECTED * images),
    high: BigInt(Math.ceil(bytes / BOUND_BYTES_PER_TOKEN) + added + TOKENS_PER_IMAGE * images),
  };
}
