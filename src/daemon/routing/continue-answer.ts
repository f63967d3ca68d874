import { Role, type Message } from '../../gen/tollgate/v1/content.ts';
import type { GenerateRequest } from '../../gen/tollgate/v1/generate_service.ts';
import type { DeltaEvent } from './run-attempt.ts';

/** Whether nothing but plain text can come that another model could go on with. */
const isPlain = ({ responseFormat }: GenerateRequest): boolean => responseFormat?.format === undefined || responseFormat.format.$case === 'text';

/** What was shown of an answer, so that another model can go on with it when it breaks: plain text only. */
export class ShownAnswer {
  readonly #request: GenerateRequest;
  #text = '';
  #isPlain: boolean;
  #lastPart = -1;
  #lastIsText = false;
  /** What is added to the part numbers of the model that answers now; unset until its first delta. */
  #offset: number | undefined = 0;

  constructor(request: GenerateRequest) {
    this.#request = request;
    this.#isPlain = isPlain(request);
  }

  /** Whether another model can go on: never inside a tool call, a refusal, or a thought that only its maker can read. */
  get canGoOn(): boolean {
    return this.#isPlain;
  }

  /** The next delta belongs to another model. */
  join(): void {
    this.#offset = undefined;
  }

  /** Takes a delta. Returns it as it is to be shown: what another model adds stands behind what was there, its text in the same part. */
  add(event: DeltaEvent): DeltaEvent {
    const isText = event.$case === 'textDelta' && !event.value.refusal;
    this.#offset ??= this.#lastPart + (isText && this.#lastIsText ? 0 : 1) - event.value.part;
    const part = event.value.part + this.#offset;
    this.#lastPart = Math.max(this.#lastPart, part);
    this.#lastIsText = isText;
    if (isText) this.#text += event.value.text;
    else if (event.$case !== 'reasoningDelta' || event.value.signature !== '' || event.value.redactedData.length > 0) this.#isPlain = false;
    return this.#offset === 0 ? event : moved(event, part);
  }

  /** The request for whoever goes on: what was shown stands in it as the model's own words. */
  request(): GenerateRequest {
    if (this.#text.trim() === '') return this.#request;
    const said = { part: { $case: 'text' as const, value: this.#text }, providerMetadataJson: {} };
    const { messages } = this.#request;
    const last = messages.at(-1);
    const message: Message = last?.role === Role.ASSISTANT ? { ...last, parts: [...last.parts, said] } : { role: Role.ASSISTANT, parts: [said] };
    return { ...this.#request, messages: [...(last?.role === Role.ASSISTANT ? messages.slice(0, -1) : messages), message] };
  }
}

function moved(event: DeltaEvent, part: number): DeltaEvent {
  switch (event.$case) {
    case 'textDelta':
      return { $case: 'textDelta', value: { ...event.value, part } };
    case 'reasoningDelta':
      return { $case: 'reasoningDelta', value: { ...event.value, part } };
    default:
      return { $case: 'toolCallDelta', value: { ...event.value, part } };
  }
}
