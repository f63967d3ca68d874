import { ToolChoice_Mode as Mode, type Tool, type ToolChoice } from '../../gen/tollgate/v1/content.ts';
import { unsupported } from '../provider.ts';
import { jsonObjectField } from './json-object-field.ts';
import type { JsonObject } from './json.ts';

/** How one of OpenAI's APIs writes tools down. */
export interface ToolShape {
  /** A tool, of its name, description and parameters. */
  readonly tool: (definition: JsonObject) => JsonObject;
  /** The choice of one tool by its name. */
  readonly named: (name: string) => JsonObject;
  /** The word that makes the model call one tool or another. Default "required". */
  readonly anyTool?: string | undefined;
}

const WORDS: Readonly<Record<Mode, string | undefined>> = {
  [Mode.UNSPECIFIED]: undefined,
  [Mode.AUTO]: 'auto',
  [Mode.NONE]: 'none',
  [Mode.REQUIRED]: 'required',
};

/** Whether a choice leaves the model no answer but a tool call. */
export const forcesTool = ({ choice }: Partial<ToolChoice>): boolean => choice?.$case === 'toolName' || choice?.value === Mode.REQUIRED;

/** The body's `tools` and `tool_choice`. Without tools there is neither: the APIs refuse a choice of nothing. */
export function toolFields(tools: readonly Tool[], toolChoice: Partial<ToolChoice>, { tool, named, anyTool }: ToolShape): JsonObject {
  const { choice } = toolChoice;
  if (tools.length === 0) {
    if (forcesTool(toolChoice)) throw unsupported('tool_choice', 'it asks for a tool, and the request has none');
    return {};
  }
  const words = anyTool === undefined ? WORDS : { ...WORDS, [Mode.REQUIRED]: anyTool };
  const chosen = choice?.$case === 'toolName' ? named(choice.value) : choice === undefined ? undefined : words[choice.value];
  return { tools: tools.map((each, at) => tool(definitionOf(each, at))), ...(chosen === undefined ? {} : { tool_choice: chosen }) };
}

const definitionOf = ({ name, description, parametersJson }: Tool, at: number): JsonObject => ({
  name,
  ...(description === '' ? {} : { description }),
  // Some servers refuse a tool without parameters.
  parameters: parametersJson === '' ? { type: 'object', properties: {} } : jsonObjectField(parametersJson, `tools[${at}].parameters_json`),
});
