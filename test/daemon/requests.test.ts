import { connect } from 'node:net';
import { once } from 'node:events';
import { makeGenericClientConstructor, credentials, status, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { GenerateServiceService, type ListModelsResponse } from '../../src/gen/tollgate/v1/generate_service.ts';
import { Role, type Part } from '../../src/gen/tollgate/v1/content.ts';
import { hello, scriptedProvider } from './scripted-provider.ts';
import { ask, bearer, generate, part, rpcFailure, testDaemon, userSays, type TestDaemon } from './test-daemon.ts';

type Ask = Parameters<typeof ask>[0];

const call = (id: string): Part => part({ $case: 'toolCall', value: { id, name: 'f', argumentsJson: '{}' } });
const result = (id: string): Part => part({ $case: 'toolResult', value: { toolCallId: id, content: 'ok', isError: false } });
const image = (fields: { data?: Buffer; url?: string; mediaType?: string }): Part =>
  part({ $case: 'image', value: { source: fields.data === undefined ? (fields.url === undefined ? undefined : { $case: 'url', value: fields.url }) : { $case: 'data', value: fields.data }, mediaType: fields.mediaType ?? '' } });
const turn = (role: Role, ...parts: Part[]) => ({ role, parts });
const tool = (name: string, parametersJson = '{}') => ({ name, parametersJson });

describe('a wrong request is refused, naming the field', () => {
  const cases: readonly (readonly [string, Ask])[] = [
    ['messages', { messages: [] }],
    ['messages[0].role', { messages: [turn(Role.UNSPECIFIED, part({ $case: 'text', value: 'x' }))] }],
    ['messages[0].role', { messages: [turn(2_147_483_647 as Role, part({ $case: 'text', value: 'x' }))] }],
    ['messages[0].parts', { messages: [turn(Role.USER)] }],
    ['messages[0].parts[0]', { messages: [turn(Role.USER, part(undefined))] }],
    ['messages[0].parts[0].tool_result', { messages: [turn(Role.USER, result('x'))] }],
    ['messages[0].parts[0].tool_call', { messages: [turn(Role.USER, call('x'))] }],
    ['messages[0].parts[0].refusal', { messages: [turn(Role.USER, part({ $case: 'refusal', value: 'x' }))] }],
    ['messages[1].parts[0].image', { messages: [userSays('x'), turn(Role.ASSISTANT, image({ url: 'https://example.com/a.png' }))] }],
    ['messages[1].parts[0].tool_result.tool_call_id', { messages: [userSays('x'), turn(Role.TOOL, result('nope'))] }],
    ['messages[0].parts[0].image', { messages: [turn(Role.USER, image({}))] }],
    ['messages[0].parts[0].image.media_type', { messages: [turn(Role.USER, image({ data: Buffer.from('x') }))] }],
    ['messages[0].parts[0].image.data', { messages: [turn(Role.USER, image({ data: Buffer.alloc(0), mediaType: 'image/png' }))] }],
    ['messages[0].parts[0].image.url', { messages: [turn(Role.USER, image({ url: 'file:///etc/passwd' }))] }],
    ['messages[0].parts[0].provider_metadata_json["p"]', { messages: [turn(Role.USER, { part: { $case: 'text', value: 'x' }, providerMetadataJson: { p: '{' } })] }],
    ['max_output_tokens', { maxOutputTokens: 0 }],
    ['temperature', { temperature: Number.NaN }],
    ['temperature', { temperature: -0.1 }],
    ['temperature', { temperature: Number.POSITIVE_INFINITY }],
    ['top_p', { topP: 0 }],
    ['top_k', { topK: 0 }],
    ['stop_sequences[0]', { stopSequences: [''] }],
    ['tools[0].name', { tools: [tool('')] }],
    ['tools[1].name', { tools: [tool('a'), tool('a')] }],
    ['tools[0].parameters_json', { tools: [tool('a', '[]')] }],
    ['tool_choice.tool_name', { tools: [tool('a')], toolChoice: { choice: { $case: 'toolName', value: 'b' } } }],
    ['tool_choice.mode', { toolChoice: { choice: { $case: 'mode', value: 3 } } }],
    ['response_format.json_schema.schema_json', { responseFormat: { format: { $case: 'jsonSchema', value: { name: 'x', schemaJson: '{', strict: false } } } }],
    ['routing.idle_timeout', { routing: { idleTimeout: { seconds: -1n } } }],
    ['routing.max_cost_pico_usd', { routing: { maxCostPicoUsd: -1n } }],
    ['labels', { labels: { '': 'x' } }],
    ['provider_options_json["p"]', { providerOptionsJson: { p: '[1]' } }],
    ['model', { model: 'm'.repeat(600) }],
    ['idempotency_key', { idempotencyKey: 'k'.repeat(129) }],
    ['idempotency_key', { idempotencyKey: 'a\nb' }],
  ];
  it.each(cases)('%s', async (field, request) => {
    const provider = scriptedProvider('p', hello);
    const daemon = await testDaemon({ providers: [provider] });
    const { failure } = await generate(daemon, ask({ model: 'p/m', ...request }));
    expect(failure).toMatchObject({ code: status.INVALID_ARGUMENT, reason: 'REQUEST_INVALID' });
    expect(failure?.fields).toContain(field);
    expect(failure?.trailerBytes).toBeLessThanOrEqual(4096);
    expect(provider.requests).toHaveLength(0);
  });

  it('an answered tool call is accepted', async () => {
    const daemon = await testDaemon({ providers: [scriptedProvider('p', hello)] });
    const messages = [userSays('x'), turn(Role.ASSISTANT, call('c1')), turn(Role.TOOL, result('c1'))];
    expect((await generate(daemon, ask({ model: 'p/m', messages }))).text).toBe('hello');
  });

  it('ten thousand wrong parts still fit the trailers', async () => {
    const daemon = await testDaemon({ providers: [scriptedProvider('p', hello)] });
    const messages = Array.from({ length: 10_000 }, () => turn(Role.USER));
    const { failure } = await generate(daemon, ask({ model: 'p/m', messages }));
    expect(failure?.reason).toBe('REQUEST_INVALID');
    expect(failure?.trailerBytes).toBeLessThanOrEqual(4096);
  });
});

/** Sends raw bytes as a message. */
function sendBytes({ daemon, adminToken }: TestDaemon, bytes: Buffer): Promise<ReturnType<typeof rpcFailure>> {
  const identity = (value: Buffer): Buffer => value;
  const Client = makeGenericClientConstructor({ generate: { ...GenerateServiceService.generate, requestSerialize: identity, requestDeserialize: identity, responseSerialize: identity, responseDeserialize: identity } }, 'raw');
  const client = new Client(daemon.grpc ?? '', credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  const stream = client.makeServerStreamRequest(GenerateServiceService.generate.path, identity, identity, bytes, bearer(adminToken));
  stream.resume();
  return new Promise((resolve) => stream.once('error', (error: ServiceError) => resolve(rpcFailure(error)))).finally(() => client.close()) as Promise<ReturnType<typeof rpcFailure>>;
}

describe('bytes that are no request', () => {
  const deep = (depth: number): Buffer => {
    let message = Buffer.alloc(0);
    for (let at = 0; at < depth; at++) message = Buffer.concat([Buffer.from([0x12, ...varint(message.length)]), message]);
    return message;
  };
  const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
  it.each([
    ['a cut varint', Buffer.from([0x18, 0xff])],
    ['a varint of eleven bytes', Buffer.from([0x18, ...Array.from({ length: 10 }, () => 0xff), 1])],
    ['a length past the end', Buffer.from([0x0a, 0x7f, 0x61])],
    ['wire type 7', Buffer.from([0x0f])],
    ['field 0', Buffer.from([0x02, 0x00])],
    ['5,000 open groups', Buffer.alloc(5000, 0x0b)],
    ['20,000 levels', deep(20_000)],
    ['nothing', Buffer.alloc(0)],
  ])('%s is INVALID_ARGUMENT', async (_what, bytes) => {
    expect(await sendBytes(await testDaemon({ providers: [scriptedProvider('p', hello)] }), bytes)).toMatchObject({ code: status.INVALID_ARGUMENT, reason: 'REQUEST_INVALID' });
  });

  it('more than limits.max_request_bytes is RESOURCE_EXHAUSTED', async () => {
    const daemon = await testDaemon({ providers: [scriptedProvider('p', hello)], config: { limits: { max_request_bytes: 4096 } } });
    expect(await sendBytes(daemon, Buffer.alloc(5000))).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  });
});

describe('connections', () => {
  it('one that says nothing is closed', async () => {
    const daemon = await testDaemon();
    const socket = connect(Number(daemon.daemon.grpc?.split(':')[1]), '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'close');
  });

  it.each([
    ['HTTP/1.1', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['noise', Buffer.alloc(4096, 0xff)],
  ])('one that speaks %s is closed, and the daemon goes on', async (_what, bytes) => {
    const daemon = await testDaemon({ providers: [scriptedProvider('p', hello)] });
    const socket = connect(Number(daemon.daemon.grpc?.split(':')[1]), '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    socket.write(bytes);
    await once(socket, 'close');
    expect((await generate(daemon, ask({ model: 'p/m' }))).text).toBe('hello');
  });
});

describe('ListModels', () => {
  const list = ({ generateClient, adminToken }: TestDaemon, fields: Partial<{ provider: string; filter: string; pageSize: number; pageToken: string }>) =>
    new Promise<ListModelsResponse>((resolve, reject) => {
      generateClient.listModels({ provider: '', filter: '', pageSize: 0, pageToken: '', ...fields }, bearer(adminToken), (error, response) => (error === null ? resolve(response) : reject(new Error(rpcFailure(error).reason))));
    });

  it('lists what the ready providers offer, by id, a page at a time, and says who could not be asked', async () => {
    const daemon = await testDaemon({ providers: [scriptedProvider('q', hello), scriptedProvider('p', hello), scriptedProvider('cloud', hello, { isLocal: false, key: { required: true, format: '', envNames: ['K'] } })] });
    const first = await list(daemon, { pageSize: 3 });
    expect(first.models.map(({ id }) => id)).toEqual(['p/a-model', 'p/b-model', 'q/a-model']);
    expect(first.unlistedProviders).toMatchObject([{ provider: 'cloud', reason: 'KEY_MISSING' }]);
    const second = await list(daemon, { pageSize: 3, pageToken: first.nextPageToken });
    expect([second.models.map(({ id }) => id), second.nextPageToken]).toEqual([['q/b-model'], '']);
    expect((await list(daemon, { filter: 'Q/ b-' })).models.map(({ id }) => id)).toEqual(['q/b-model']);
    expect((await list(daemon, { provider: 'p' })).models).toHaveLength(2);
    await expect(list(daemon, { provider: 'nobody' })).rejects.toThrow('PROVIDER_NOT_FOUND');
    await expect(list(daemon, { pageSize: -1 })).rejects.toThrow('REQUEST_INVALID');
  });
});
