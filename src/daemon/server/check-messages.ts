import { Role, type Message, type Part } from '../../gen/tollgate/v1/content.ts';
import { isJson } from './is-json.ts';
import type { Violations } from './violations.ts';

type Kind = NonNullable<Part['part']>['$case'];

/** The roles in which each kind of part is legal. */
const ROLES_BY_KIND: Readonly<Record<Kind, readonly Role[]>> = {
  text: [Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.TOOL],
  refusal: [Role.ASSISTANT],
  image: [Role.USER, Role.TOOL],
  toolCall: [Role.ASSISTANT],
  toolResult: [Role.TOOL],
  reasoning: [Role.ASSISTANT],
};

const PROTO_NAME: Readonly<Record<Kind, string>> = { text: 'text', refusal: 'refusal', image: 'image', toolCall: 'tool_call', toolResult: 'tool_result', reasoning: 'reasoning' };

const ROLE_NAMES = new Map(Object.entries(Role).map(([name, value]) => [value, `ROLE_${name}`]));

function checkPart(part: Part, role: Role, path: string, calls: Set<string>, violations: Violations): void {
  const content = part.part;
  if (content === undefined) {
    violations.check(false, path, 'a part must have a text, image, tool_call, tool_result, reasoning or refusal; generate the client anew if it has another');
    return;
  }
  const field = `${path}.${PROTO_NAME[content.$case]}`;
  violations.check(ROLES_BY_KIND[content.$case].includes(role), field, `not in ${ROLE_NAMES.get(role) ?? 'this role'}; only in ${ROLES_BY_KIND[content.$case].map((legal) => ROLE_NAMES.get(legal)).join(', ')}`);
  switch (content.$case) {
    case 'image': {
      const { source, mediaType } = content.value;
      if (!violations.check(source !== undefined, field, 'an image needs data or a url')) return;
      if (source?.$case === 'data') {
        violations.check(source.value.length > 0, `${field}.data`, 'the image is empty');
        violations.check(/^[\w.+-]+\/[\w.+-]+$/.test(mediaType), `${field}.media_type`, 'an image with data needs its media type, e.g. "image/png"');
      } else if (source !== undefined) {
        violations.check(/^https?:\/\/[^\s]+$/i.test(source.value) && URL.canParse(source.value), `${field}.url`, 'must be an http or https address');
      }
      return;
    }
    case 'toolCall':
      violations.check(content.value.id !== '', `${field}.id`, 'must not be empty: the tool result names it');
      violations.check(content.value.name !== '', `${field}.name`, 'must not be empty');
      calls.add(content.value.id);
      return;
    case 'toolResult':
      violations.check(calls.has(content.value.toolCallId), `${field}.tool_call_id`, 'answers no earlier tool_call of this conversation');
      return;
    default:
  }
}

/** Checks a conversation: roles, the parts that are legal in each, and that each tool result answers an earlier call. */
export function checkMessages(messages: readonly Message[], violations: Violations): void {
  const calls = new Set<string>();
  for (const [at, message] of messages.entries()) {
    const path = `messages[${at}]`;
    violations.check(message.role !== Role.UNSPECIFIED && ROLE_NAMES.has(message.role), `${path}.role`, 'must be ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT or ROLE_TOOL');
    violations.check(message.parts.length > 0, `${path}.parts`, 'a message needs at least one part');
    for (const [index, part] of message.parts.entries()) {
      const partPath = `${path}.parts[${index}]`;
      checkPart(part, message.role, partPath, calls, violations);
      for (const [type, json] of Object.entries(part.providerMetadataJson)) violations.check(isJson(json), `${partPath}.provider_metadata_json["${type}"]`, 'is not JSON; send back what came, unchanged');
    }
  }
}
