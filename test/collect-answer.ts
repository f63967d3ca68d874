import type { Finish, ProviderError, ProviderEvent } from '../src/plugins/provider.ts';

/** One part of an answer: its deltas, put together. */
export interface CollectedPart {
  readonly kind: 'text' | 'refusal' | 'reasoning' | 'toolCall';
  text: string;
  signature?: string;
  redactedData?: Buffer;
  id?: string;
  name?: string;
  index?: number;
  metadata?: Readonly<Record<string, string>>;
}

/** A provider's answer, folded. */
export interface CollectedAnswer {
  /** The kinds of the events, in order. */
  readonly order: readonly ProviderEvent['$case'][];
  readonly events: readonly ProviderEvent[];
  readonly ignoredFields: readonly string[];
  /** By their part numbers. */
  readonly parts: readonly CollectedPart[];
  readonly text: string;
  readonly refusal: string;
  readonly reasoning: string;
  readonly toolCalls: readonly { readonly id: string; readonly name: string; readonly arguments: string }[];
  readonly finish: Finish | undefined;
  /** What the stream threw; undefined when it ended well. */
  readonly error: unknown;
}

const join = (parts: readonly CollectedPart[], kind: CollectedPart['kind']): string =>
  parts
    .filter((part) => part.kind === kind)
    .map((part) => part.text)
    .join('');

function pieceOf(event: ProviderEvent): { readonly number: number; readonly piece: CollectedPart } | undefined {
  if (event.$case === 'textDelta') {
    const { part, text, refusal, providerMetadataJson } = event.value;
    return { number: part, piece: { kind: refusal ? 'refusal' : 'text', text, metadata: providerMetadataJson } };
  }
  if (event.$case === 'reasoningDelta') {
    const { part, text, signature, redactedData, providerMetadataJson } = event.value;
    return { number: part, piece: { kind: 'reasoning', text, signature, redactedData, metadata: providerMetadataJson } };
  }
  if (event.$case === 'toolCallDelta') {
    const { part, index, id, name, argumentsJsonFragment, providerMetadataJson } = event.value;
    return { number: part, piece: { kind: 'toolCall', text: argumentsJsonFragment, id, name, index, metadata: providerMetadataJson } };
  }
  return undefined;
}

function add(parts: CollectedPart[], number: number, piece: CollectedPart): void {
  const part = (parts[number] ??= { kind: piece.kind, text: '' });
  if (part.kind !== piece.kind) throw new Error(`part ${number} is ${part.kind} and ${piece.kind}`);
  part.text += piece.text;
  if (piece.signature !== undefined && piece.signature !== '') part.signature = piece.signature;
  if (piece.redactedData !== undefined && piece.redactedData.length > 0) part.redactedData = piece.redactedData;
  if (piece.id !== undefined && piece.id !== '') part.id = piece.id;
  if (piece.name !== undefined && piece.name !== '') part.name = piece.name;
  if (piece.index !== undefined) part.index = piece.index;
  if (Object.keys(piece.metadata ?? {}).length > 0) part.metadata = { ...piece.metadata };
}

/** Reads an answer to its end or to its error. */
export async function collectAnswer(events: AsyncIterable<ProviderEvent>): Promise<CollectedAnswer> {
  const seen: ProviderEvent[] = [];
  const parts: CollectedPart[] = [];
  let error: unknown;
  try {
    for await (const event of events) {
      seen.push(event);
      const delta = pieceOf(event);
      if (delta !== undefined) add(parts, delta.number, delta.piece);
    }
  } catch (thrown) {
    error = thrown;
  }
  const started = seen.find((event) => event.$case === 'started');
  const finish = seen.find((event) => event.$case === 'finish');
  return {
    order: seen.map((event) => event.$case),
    events: seen,
    ignoredFields: started?.$case === 'started' ? started.value.ignoredFields : [],
    parts,
    text: join(parts, 'text'),
    refusal: join(parts, 'refusal'),
    reasoning: join(parts, 'reasoning'),
    toolCalls: parts.filter((part) => part.kind === 'toolCall').map((part) => ({ id: part.id ?? '', name: part.name ?? '', arguments: part.text })),
    finish: finish?.$case === 'finish' ? finish.value : undefined,
    error,
  };
}

/** The error of an answer that has to be a ProviderError. */
export function providerErrorOf(answer: CollectedAnswer): ProviderError {
  if (answer.error instanceof Error && answer.error.name === 'ProviderError') return answer.error as ProviderError;
  throw new Error('the answer ended without a ProviderError', { cause: answer.error });
}
