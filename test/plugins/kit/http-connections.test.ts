import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { readText, send, type Exchange } from '../../../src/plugins/kit/http.ts';
import { mockUpstream } from '../../mock-upstream.ts';

const get = (url: string): Promise<Exchange> => send({ method: 'GET', url, headers: {}, signal: AbortSignal.timeout(15_000) });

describe('the connection of an answer', () => {
  test('that was read to its end serves the next request', async () => {
    const ports = new Set<unknown>();
    const server = createServer((request, response) => {
      ports.add(request.socket.remotePort);
      response.end('ok');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    for (let count = 0; count < 3; count++) {
      const exchange = await get(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      await readText(await exchange.answer(), 100);
      exchange.close();
      // The pool learns of a free connection in the next turn of the loop.
      await nextTurn();
    }
    expect(ports.size).toBe(1);
    server.close();
    server.closeAllConnections();
  });

  test('that is over but for its end serves the next request, once that end has come', async () => {
    const ports = new Set<unknown>();
    const server = createServer((request, response) => {
      ports.add(request.socket.remotePort);
      response.write('all that matters');
      response.once('close', () => server.emit('answered'));
      server.once('left', () => response.end('what nobody reads'));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    for (let count = 0; count < 3; count++) {
      const exchange = await get(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      for await (const chunk of (await exchange.answer()).body) if (chunk.length > 0) break;
      exchange.close(true);
      const answered = once(server, 'answered');
      server.emit('left');
      await answered;
      // The last bytes are read, and the connection given back, in the next turns of the loop.
      for (let turn = 0; turn < 10; turn++) await nextTurn();
    }
    expect(ports.size).toBeLessThan(3);
    server.close();
    server.closeAllConnections();
  });

  test('that is over but for its end is closed when that does not come', async () => {
    const own = await mockUpstream({ body: 'first', ending: 'hold' });
    const exchange = await get(own.url);
    for await (const chunk of (await exchange.answer()).body) if (chunk.length > 0) break;
    exchange.close(true);
    expect(await (await own.nextRequest()).closed).toBe('aborted');
    await own.close();
  });
});
