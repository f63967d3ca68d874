import { Message, Role } from '../../gen/tollgate/v1/content.ts';

/** A picture to show to the model. */
export interface Picture {
  readonly data: Uint8Array;
  /** E.g. "image/png". */
  readonly mediaType: string;
}

/** What the person says, with pictures after the text. */
export function user(text: string, ...pictures: readonly Picture[]): Message {
  return Message.fromPartial({
    role: Role.USER,
    parts: [
      ...(text === '' ? [] : [{ part: { $case: 'text' as const, value: text } }]),
      ...pictures.map(({ data, mediaType }) => (
        { part: { $case: 'image' as const, value: { source: { $case: 'data' as const, value: Buffer.from(data) }, mediaType } } }
      )),
    ],
  });
}

/** The app's own instructions. */
export function system(text: string): Message {
  return Message.fromPartial({ role: Role.SYSTEM, parts: [{ part: { $case: 'text', value: text } }] });
}

/** What a tool answered to the call with this id. */
export function toolResult(toolCallId: string, content: string, isError = false): Message {
  return Message.fromPartial({
    role: Role.TOOL,
    parts: [{ part: { $case: 'toolResult', value: { toolCallId, content, isError } } }],
  });
}
