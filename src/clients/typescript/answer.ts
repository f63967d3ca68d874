import { Message, type Part, Role } from '../../gen/tollgate/v1/content.ts';
import type { Finish, GenerateResponse, ReasoningDelta, TextDelta, ToolCallDelta } from '../../gen/tollgate/v1/generate_service.ts';

type Event = NonNullable<GenerateResponse['event']>;

/** One event of a generation: `{ seq: 0n, $case: 'textDelta', value: { text: … } }` and so on, as in the proto's oneof. */
export type GenerationEvent = Event & {
  /** Counts from 0 without gaps. */
  readonly seq: bigint;
};

/** The answer as far as it has come. */
export interface Answer {
  add(event: Event): void;
  /** All text so far; refusals and reasoning are not text. */
  text(): string;
  /** The assistant's message so far, its parts in order. */
  message(): Message;
  finish(): Finish | undefined;
}

type Metadata = Part['providerMetadataJson'];
type Content = NonNullable<Part['part']>;

interface Draft {
  content: Content;
  metadata: Metadata;
}

function isEmpty({ content, metadata }: Draft): boolean {
  return (content.$case === 'text' || content.$case === 'refusal') && content.value === '' && Object.keys(metadata).length === 0;
}

/** Puts the deltas of one generation together. */
export function collectAnswer(): Answer {
  const drafts = new Map<number, Draft>();
  let providerType = '';
  let finish: Finish | undefined;

  function draft(position: number, metadata: Metadata, fresh: () => Content): Content {
    let found = drafts.get(position);
    if (found === undefined) drafts.set(position, (found = { content: fresh(), metadata: {} }));
    if (Object.keys(metadata).length > 0) found.metadata = metadata;
    return found.content;
  }

  function addText({ part, text, refusal, providerMetadataJson }: TextDelta): void {
    const content = draft(part, providerMetadataJson, () => ({ $case: refusal ? 'refusal' : 'text', value: '' }));
    if (content.$case === 'text' || content.$case === 'refusal') content.value += text;
  }

  function addReasoning(delta: ReasoningDelta): void {
    const content = draft(delta.part, delta.providerMetadataJson, () => (
      { $case: 'reasoning', value: { text: '', signature: '', redactedData: Buffer.alloc(0), providerType } }
    ));
    if (content.$case !== 'reasoning') return;
    content.value.text += delta.text;
    if (delta.signature !== '') content.value.signature = delta.signature;
    if (delta.redactedData.length > 0) content.value.redactedData = delta.redactedData;
  }

  function addToolCall(delta: ToolCallDelta): void {
    const content = draft(delta.part, delta.providerMetadataJson, () => (
      { $case: 'toolCall', value: { id: '', name: '', argumentsJson: '' } }
    ));
    if (content.$case !== 'toolCall') return;
    if (delta.id !== '') content.value.id = delta.id;
    if (delta.name !== '') content.value.name = delta.name;
    content.value.argumentsJson += delta.argumentsJsonFragment;
  }

  function inOrder(): Draft[] {
    return [...drafts.entries()].sort(([a], [b]) => a - b).map(([, part]) => part);
  }

  return {
    add(event) {
      if (event.$case === 'attemptStarted') providerType = event.value.providerType;
      else if (event.$case === 'textDelta') addText(event.value);
      else if (event.$case === 'reasoningDelta') addReasoning(event.value);
      else if (event.$case === 'toolCallDelta') addToolCall(event.value);
      else if (event.$case === 'finish') finish = event.value;
    },
    text() {
      return inOrder().map(({ content }) => (content.$case === 'text' ? content.value : '')).join('');
    },
    message() {
      // Providers refuse an empty text when it is sent back.
      const parts = inOrder().filter((part) => !isEmpty(part));
      const message = Message.fromPartial({
        role: Role.ASSISTANT,
        parts: parts.map(({ content, metadata }) => ({ part: content, providerMetadataJson: metadata })),
      });
      for (const { part } of message.parts) {
        if (part?.$case === 'toolCall') part.value.argumentsJson ||= '{}';
      }
      return message;
    },
    finish: () => finish,
  };
}
