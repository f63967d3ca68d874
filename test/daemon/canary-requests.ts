import type { Metadata, MethodDefinition } from '@grpc/grpc-js';
import { AccessServiceService as Access, CreateTokenRequest, WhoAmIRequest } from '../../src/gen/tollgate/v1/access_service.ts';
import { ConfigServiceService as Config } from '../../src/gen/tollgate/v1/config_service.ts';
import { EmbedRequest, GenerateServiceService as Generate, ListModelsRequest } from '../../src/gen/tollgate/v1/generate_service.ts';
import { KeysServiceService as Keys, SetKeyRequest, ValidateKeyRequest } from '../../src/gen/tollgate/v1/keys_service.ts';
import { Role } from '../../src/gen/tollgate/v1/content.ts';
import type { CanaryClient, Ended } from './canary-client.ts';
import { ask, bearer, part, userSays } from './test-daemon.ts';

/** A call that is wrong because a key stands where none belongs, and how it ends. */
export interface BadRequest {
  readonly name: string;
  readonly ends: string;
  readonly call: (client: CanaryClient, key: string) => Promise<Ended<unknown>>;
}

type Method<Request> = Pick<MethodDefinition<Request, unknown>, 'path' | 'requestSerialize' | 'responseDeserialize'>;

const bad = <Request>(name: string, ends: string, method: Method<Request>, request: (key: string) => Request, metadata?: (key: string, client: CanaryClient) => Metadata): BadRequest => ({
  name,
  ends,
  call: (client, key) => client.call(method, request(key), metadata === undefined ? {} : { metadata: metadata(key, client) }),
});

type SetKeyFields = Parameters<typeof SetKeyRequest.fromPartial>[0];
type AskFields = Parameters<typeof ask>[0];
const set = (name: string, ends: string, fields: (key: string) => SetKeyFields): BadRequest => bad(`SetKey with it as ${name}`, ends, Keys.setKey, (key) => SetKeyRequest.fromPartial(fields(key)));
const generate = (name: string, ends: string, fields: (key: string) => AskFields): BadRequest => bad(`Generate with it as ${name}`, ends, Generate.generate, (key) => ask({ model: 'openai/gpt-4o', ...fields(key) }));
const config = (name: string, value: (key: string) => unknown, mask: (key: string) => readonly string[] = () => [], ends = 'CONFIG_INVALID'): BadRequest =>
  bad(`UpdateConfig with it as ${name}`, ends, Config.updateConfig, (key) => {
    const json = value(key);
    return { configJson: typeof json === 'string' ? json : JSON.stringify(json), updateMask: [...mask(key)] };
  });
const withKey = (key: string, { adminToken }: CanaryClient): Metadata => {
  const metadata = bearer(adminToken);
  for (const name of ['x-api-key', 'x-goog-api-key', 'cookie']) metadata.set(name, key);
  return metadata;
};

const keyCalls: readonly BadRequest[] = [
  set('the provider', 'PROVIDER_NOT_FOUND', (key) => ({ provider: key, key: 'openai' })),
  set('the label', 'REQUEST_INVALID', (key) => ({ provider: 'openai', label: key, key: 'sk-other' })),
  set('a key between blanks', 'REQUEST_INVALID', (key) => ({ provider: 'openai', key: ` ${key}\n` })),
  set('two keys', 'REQUEST_INVALID', (key) => ({ provider: 'openai', key: `${key} ${key}` })),
  set("another provider's key", 'REQUEST_INVALID', (key) => ({ provider: 'google', key })),
  set('a key of 20,000 characters', 'REQUEST_INVALID', (key) => ({ provider: 'openai', key: key.repeat(500) })),
  set('the name of a setting', 'REQUEST_INVALID', (key) => ({ provider: 'openai', settings: { [key]: 'x' } })),
  set('a setting of few words', 'REQUEST_INVALID', (key) => ({ provider: 'openai', settings: { api: key } })),
  set('a setting of any text', 'REQUEST_INVALID', (key) => ({ provider: 'openai', settings: { organization: key } })),
  set('a part of the address', 'REQUEST_INVALID', (key) => ({ provider: 'openai', settings: { base_url: `http://${key}@127.0.0.1/` } })),
  bad('GetProvider with it as the name', 'PROVIDER_NOT_FOUND', Keys.getProvider, (key) => ({ name: key })),
  bad('RemoveKey with it as the provider', 'PROVIDER_NOT_FOUND', Keys.removeKey, (key) => ({ provider: key, label: '' })),
  bad('RemoveKey with it as the label', 'REQUEST_INVALID', Keys.removeKey, (key) => ({ provider: 'openai', label: key })),
  bad('ValidateKey with it as the provider', 'PROVIDER_NOT_FOUND', Keys.validateKey, (key) => ValidateKeyRequest.fromPartial({ provider: key, key: 'openai' })),
  bad('ValidateKey with it as the label', 'REQUEST_INVALID', Keys.validateKey, (key) => ValidateKeyRequest.fromPartial({ provider: 'openai', label: key })),
  bad('ValidateKey with it and a blank', 'REQUEST_INVALID', Keys.validateKey, (key) => ValidateKeyRequest.fromPartial({ provider: 'openai', key: `${key}\r\n${key}` })),
  bad('Unlock with it as a passphrase that nothing has', 'REQUEST_INVALID', Keys.unlock, (key) => ({ passphrase: key })),
];

const generateCalls: readonly BadRequest[] = [
  generate('the model', 'REQUEST_INVALID', (key) => ({ model: key })),
  generate('the provider', 'REQUEST_INVALID', (key) => ({ model: `${key}/gpt-4o` })),
  generate("a provider's model", 'REQUEST_INVALID', (key) => ({ model: `openai/${key}` })),
  generate('the next model', 'REQUEST_INVALID', (key) => ({ routing: { fallbackModels: [key] } })),
  generate('a tool', 'REQUEST_INVALID', (key) => ({ tools: [{ name: `${key} ${key}`, description: key, parametersJson: key }] })),
  generate('the tool to call', 'REQUEST_INVALID', (key) => ({ toolChoice: { choice: { $case: 'toolName', value: key } } })),
  generate("a provider's options", 'REQUEST_INVALID', (key) => ({ providerOptionsJson: { [key]: key } })),
  generate('a label for costs', 'REQUEST_INVALID', (key) => ({ labels: { [key.repeat(2)]: key } })),
  generate('the key of idempotency', 'RESPONSE_INVALID', (key) => ({ idempotencyKey: key })),
  generate('metadata', 'REQUEST_INVALID', (key) => ({ messages: [{ role: Role.USER, parts: [{ part: { $case: 'text', value: key }, providerMetadataJson: { [key]: key } }] }] })),
  generate('a schema', 'REQUEST_INVALID', (key) => ({ responseFormat: { format: { $case: 'jsonSchema', value: { name: key.repeat(2), schemaJson: key, strict: true } } } })),
  generate('a picture', 'REQUEST_INVALID', (key) => ({ messages: [{ role: Role.USER, parts: [part({ $case: 'image', value: { mediaType: key, source: { $case: 'url', value: `file://${key}` } } })] }] })),
  generate('what a tool said', 'REQUEST_INVALID', (key) => ({ messages: [userSays(key), { role: Role.TOOL, parts: [part({ $case: 'toolResult', value: { toolCallId: key, content: key, isError: true } })] }] })),
  bad('Embed with it as the model', 'REQUEST_INVALID', Generate.embed, (key) => EmbedRequest.fromPartial({ model: `openai/${key}`, inputs: [key] })),
  bad('Embed with it as options', 'REQUEST_INVALID', Generate.embed, (key) => EmbedRequest.fromPartial({ model: 'openai/m', inputs: ['x'], providerOptionsJson: { [key]: key } })),
  bad('ListModels with it as the provider', 'PROVIDER_NOT_FOUND', Generate.listModels, (key) => ListModelsRequest.fromPartial({ provider: key })),
  bad('ListModels with it as filter and page', 'REQUEST_INVALID', Generate.listModels, (key) => ListModelsRequest.fromPartial({ provider: 'openai', filter: key, pageToken: key, pageSize: -1 })),
];

const gateCalls: readonly BadRequest[] = [
  bad('WhoAmI with it as the token', 'TOKEN_INVALID', Access.whoAmI, () => WhoAmIRequest.fromPartial({}), (key) => bearer(key)),
  bad('WhoAmI with it as two tokens', 'TOKEN_INVALID', Access.whoAmI, () => WhoAmIRequest.fromPartial({}), (key) => bearer(`${key} ${key}`)),
  bad('WhoAmI with it as the parts of a JWT', 'TOKEN_INVALID', Access.whoAmI, () => WhoAmIRequest.fromPartial({}), (key) => bearer(`${Buffer.from(JSON.stringify({ alg: 'HS256', kid: key })).toString('base64url')}.${key}.${key}`)),
  bad('WhoAmI with it in headers of others', 'OK', Access.whoAmI, () => WhoAmIRequest.fromPartial({}), withKey),
  bad('CreateToken for it', 'REQUEST_INVALID', Access.createToken, (key) => CreateTokenRequest.fromPartial({ client: ` ${key}`, scopes: [key], tier: key, models: [key], providers: [key] })),
  bad('ListTokens with it as page', 'REQUEST_INVALID', Access.listTokens, (key) => ({ pageSize: 0, pageToken: key })),
  bad('a message that is none', 'REQUEST_INVALID', { ...Keys.setKey, requestSerialize: (key: string) => Buffer.from(`\u000f${key}`) }, (key) => key),
];

const configCalls: readonly BadRequest[] = [
  config('JSON that breaks off', (key) => `{"providers": {"openai": {"key": "${key}"`),
  config('the key of a provider', (key) => ({ providers: { openai: { key } } }), () => ['providers.openai.key'], 'REQUEST_INVALID'),
  config('a field of a provider', (key) => ({ providers: { openai: { [key]: key } } }), () => ['providers.openai.base_url']),
  config('a field of the mask', () => ({}), (key) => [`providers.openai.${key}`, key], 'REQUEST_INVALID'),
  config('a provider', (key) => ({ providers: { [key]: { type: key } } }), () => ['providers']),
  config('the type of a provider', (key) => ({ providers: { openai: { type: key } } }), () => ['providers.openai.type']),
  config('the name of a variable', (key) => ({ providers: { openai: { key_env: key } } }), () => ['providers.openai.key_env']),
  config('a user in an address', (key) => ({ providers: { openai: { base_url: `https://${key}@127.0.0.1/` } } }), () => ['providers.openai.base_url']),
  config('settings', (key) => ({ providers: { openai: { settings: { api: key, organization: key, [key]: key } } } }), () => ['providers.openai.settings']),
  config('an address', (key) => ({ listen: { grpc: key } }), () => ['listen.grpc']),
  config('an alias', (key) => ({ aliases: { x: [key], openai: key, [key]: ['x'] } }), () => ['aliases']),
  config('the order of providers', (key) => ({ routing: { fallback_order: [key] } }), () => ['routing']),
  config('a span', (key) => ({ routing: { connect_timeout: key } }), () => ['routing']),
  config('an issuer', (key) => ({ issuers: [{ issuer: key, jwks_url: `http://${key}`, [key]: key }] }), () => ['issuers']),
  config('a field', (key) => ({ [key]: key })),
];

/** Each kind of request, and each place in it where somebody may have pasted a key. */
export const badRequests: readonly BadRequest[] = [...keyCalls, ...generateCalls, ...gateCalls, ...configCalls];
