import { isObject, type JsonObject } from '../kit/json.ts';

/** A token may be "5" or {"a":1}: the service sends such text as the JSON value that it looks like. */
function textOf(response: unknown): string | undefined {
  if (typeof response === 'string') return response;
  return response === undefined || response === null ? undefined : JSON.stringify(response);
}

/**
 * An event of Workers AI in the OpenAI dialect's shape, whichever of the two it has: which one comes depends on the model, not
 * on what was asked. Some events have both; their `response` repeats what `choices` say.
 */
export function chatEvent(event: JsonObject): JsonObject {
  const { result } = event;
  const inner = event['choices'] === undefined && isObject(result) ? { ...event, ...result } : event;
  const { choices, response, tool_calls: calls } = inner;
  if (Array.isArray(choices) && choices.length > 0) return inner;
  const content = textOf(response);
  if (content === undefined && !Array.isArray(calls)) return inner;
  return { ...inner, choices: [{ delta: { content, tool_calls: calls } }] };
}
