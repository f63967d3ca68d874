import { describe, expect, it } from 'vitest';
import { daemonAddress, parseDaemonFile } from '../../src/clients/typescript/daemon-file.ts';

describe('parseDaemonFile', () => {
  it('reads what a daemon writes', () => {
    expect(parseDaemonFile('{"pid":7,"version":"1.2.3","grpc":"127.0.0.1:4780","socket":"/run/t.sock","http":null}')).toEqual({
      pid: 7, version: '1.2.3', grpc: '127.0.0.1:4780', socket: '/run/t.sock', http: null, embedded: false,
    });
  });

  it('knows a daemon inside another app', () => {
    expect(parseDaemonFile('{"pid":7,"embedded":true}')?.embedded).toBe(true);
  });

  it.each(['', '{', 'null', '[]', '"x"', '{}', '{"pid":"7"}', '{"pid":0}', '{"pid":-1}', '{"pid":1.5}'])('takes %s for no daemon', (text) => {
    expect(parseDaemonFile(text)).toBeUndefined();
  });
});

describe('daemonAddress', () => {
  const daemon = { pid: 7, version: '1', grpc: '127.0.0.1:4780', socket: '/run/t.sock', http: null, embedded: false };

  it('prefers the socket', () => expect(daemonAddress(daemon)).toBe('unix:/run/t.sock'));
  it('takes the port when the socket is off', () => expect(daemonAddress({ ...daemon, socket: null })).toBe('127.0.0.1:4780'));
  it('is nothing when both are off', () => expect(daemonAddress({ ...daemon, socket: null, grpc: null })).toBeUndefined());
});
