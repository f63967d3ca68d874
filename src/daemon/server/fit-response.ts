import type { MessageFns } from '../../gen/tollgate/v1/usage_service.ts';

/** No response of ours is larger. */
const MAX_RESPONSE_BYTES = 1024 * 1024;

/** What a response holds beside its list. */
const REST_BYTES = 16 * 1024;

/** The length of a list's element is written before it, with its field's number. */
const FRAME_BYTES = 6;

/** As many of the messages, from the first on, as fit into one response beside `share - 1` other lists of its kind. */
export function fitting<T>(messages: readonly T[], type: MessageFns<T>, share = 1): T[] {
  let left = (MAX_RESPONSE_BYTES - REST_BYTES) / share;
  const end = messages.findIndex((message) => (left -= type.encode(message).finish().length + FRAME_BYTES) < 0);
  return messages.slice(0, end === -1 ? undefined : end);
}
