import { GenerateRequest } from '../src/gen/tollgate/provider/v1/provider_service.ts';
import { Role, type Message, type Part } from '../src/gen/tollgate/v1/content.ts';

type PartKind = NonNullable<Part['part']>;

/** A part of a message: `part({ $case: 'text', value: 'Hello' })`. */
export const part = (value: PartKind, providerMetadataJson: Readonly<Record<string, string>> = {}): Part => ({
  part: value,
  providerMetadataJson: { ...providerMetadataJson },
});

export const textPart = (text: string): Part => part({ $case: 'text', value: text });

/** A message of texts and other parts. */
export const message = (role: Role, ...parts: readonly (string | Part)[]): Message => ({
  role,
  parts: parts.map((piece) => (typeof piece === 'string' ? textPart(piece) : piece)),
});

export const user = (...parts: readonly (string | Part)[]): Message => message(Role.USER, ...parts);
export const system = (...parts: readonly (string | Part)[]): Message => message(Role.SYSTEM, ...parts);
export const assistant = (...parts: readonly (string | Part)[]): Message => message(Role.ASSISTANT, ...parts);
export const tool = (...parts: readonly (string | Part)[]): Message => message(Role.TOOL, ...parts);

export interface RequestOptions extends Partial<Omit<GenerateRequest, 'instance'>> {
  readonly baseUrl: string;
  readonly instance?: string;
  readonly settings?: Readonly<Record<string, string>>;
}

/** A request to a plugin, "Hello" by default. */
export const generateRequest = ({ baseUrl, instance = 'test', settings = {}, ...fields }: RequestOptions): GenerateRequest => ({
  ...GenerateRequest.fromPartial({}),
  model: 'test-model',
  messages: [user('Hello')],
  ...fields,
  instance: { name: instance, baseUrl, settings: { ...settings } },
});
