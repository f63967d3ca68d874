import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { GenerateServiceService } from '../../src/gen/tollgate/v1/generate_service.ts';
import { started } from '../../src/plugins/provider.ts';
import { done, hello, say, scriptedProvider } from './scripted-provider.ts';
import { ask, generate, testDaemon, userSays, type TestDaemon } from './test-daemon.ts';

const portOf = ({ daemon }: TestDaemon): number => Number(daemon.grpc?.split(':')[1]);

async function crowd(daemon: TestDaemon, count: number, greeting: string): Promise<void> {
  const sockets = Array.from({ length: count }, () => connect(portOf(daemon), '127.0.0.1'));
  onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
  for (const socket of sockets) {
    socket.on('error', () => {});
    socket.resume();
    if (greeting !== '') socket.write(greeting);
  }
  for (const socket of sockets) if (socket.connecting) await once(socket, 'connect').catch(() => {});
}

describe('a crowd at the port', () => {
  it.each([
    ['says nothing', ''],
    ['says one byte', 'P'],
    ['greets and asks nothing', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'],
  ])('of 200 that %s does not keep a caller with a token out', async (_what, greeting) => {
    const daemon = await testDaemon({ providers: [scriptedProvider('p', hello)] });
    expect((await generate(daemon, ask({ model: 'p/m' }))).text).toBe('hello');
    await crowd(daemon, 200, greeting);
    expect((await generate(daemon, ask({ model: 'p/m' }))).text).toBe('hello');
  });

  it('a call whose message never comes does not keep the daemon from stopping', async () => {
    const daemon = await testDaemon({ providers: [scriptedProvider('p', hello)] });
    const session = connectHttp2(`http://${daemon.daemon.grpc}`);
    session.on('error', () => {});
    const call = session.request({ ':method': 'POST', ':path': GenerateServiceService.generate.path, 'content-type': 'application/grpc', te: 'trailers', authorization: `Bearer ${daemon.adminToken}` });
    call.on('error', () => {});
    while (daemon.daemon.running === 0) await new Promise(setImmediate);
    const ended = once(call, 'response');
    await daemon.daemon.close();
    expect((await ended)[0]).toMatchObject({ 'grpc-status': '14' });
    session.destroy();
  });

  it('200,000 messages are refused before anything is made of them', async () => {
    const daemon = await testDaemon({ providers: [scriptedProvider('p', hello)] });
    const messages = Array.from({ length: 200_000 }, () => userSays('x'));
    expect((await generate(daemon, ask({ model: 'p/m', messages }))).failure).toMatchObject({ reason: 'REQUEST_INVALID', message: expect.stringContaining('100,000 fields') });
  });

  it('an answer that nobody reads keeps its place', async () => {
    const daemon = await testDaemon({
      config: { limits: { streams: 1, queue_per_client: 0 } },
      providers: [
        scriptedProvider('p', async function* () {
          yield started();
          yield say('x'.repeat(100_000));
          yield done();
        }),
      ],
    });
    const session = connectHttp2(`http://${daemon.daemon.grpc}`);
    session.on('error', () => {});
    const call = session.request({ ':method': 'POST', ':path': GenerateServiceService.generate.path, 'content-type': 'application/grpc', te: 'trailers', authorization: `Bearer ${daemon.adminToken}` });
    const message = GenerateServiceService.generate.requestSerialize(ask({ model: 'p/m' }));
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    call.end(Buffer.concat([prefix, message]));
    call.on('error', () => {});
    await once(call, 'response');
    for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
    expect((await generate(daemon, ask({ model: 'p/m' }))).failure?.reason).toBe('DAEMON_OVERLOADED');
    call.resume();
    while ((await generate(daemon, ask({ model: 'p/m' }))).failure !== undefined) await new Promise(setImmediate);
    session.destroy();
  });
});
