import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { credentials } from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import { GenerateServiceClient } from '../../../src/gen/tollgate/v1/generate_service.ts';

export interface Cuttable {
  readonly client: GenerateServiceClient;
  /** Breaks the connection under the client: `end` as a process that ends does, `reset` as a network that drops it. */
  cut(how: 'end' | 'reset'): void;
}

/** A client whose connection goes through a place where it can be cut. `to` is `host:port` or a socket's path. */
export async function cuttable(to: string): Promise<Cuttable> {
  const sockets = new Set<Socket>();
  const dial = (): Socket => {
    const colon = to.lastIndexOf(':');
    return colon < 0 ? connect(to) : connect(Number(to.slice(colon + 1)), to.slice(0, colon));
  };
  const proxy = createServer({ noDelay: true }, (near) => {
    const far = dial();
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
    }
    near.pipe(far).pipe(near);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port } = proxy.address() as AddressInfo;
  const client = new GenerateServiceClient(`127.0.0.1:${port}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  onTestFinished(() => {
    client.close();
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  return {
    client,
    cut(how) {
      for (const socket of sockets) {
        if (how === 'reset') socket.resetAndDestroy();
        else socket.destroy();
      }
    },
  };
}
