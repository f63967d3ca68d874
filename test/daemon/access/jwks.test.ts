import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readJwks } from '../../../src/daemon/access/jwks.ts';
import { jwksFromUrl, type JwksSource } from '../../../src/daemon/access/jwks-source.ts';
import { issuerKey, outsideIssuer, type OutsideIssuer } from './outside-issuer.ts';

const rsa = issuerKey('r1');
const ec = issuerKey('e1', 'ES256');
const both = ['RS256', 'ES256'] as const;
const idsOf = (keys: readonly unknown[], algorithms: Parameters<typeof readJwks>[1] = both): readonly (string | undefined)[] => readJwks({ keys }, algorithms).map(({ id }) => id);

const rsaWith = (options: { modulusLength: number; publicExponent?: number }): object => generateKeyPairSync('rsa', options).publicKey.export({ format: 'jwk' });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' });

describe('the keys of a JWKS', () => {
  it.each<readonly [string, object]>([
    ['a shared secret', { kty: 'oct', k: 'AAAA', alg: 'HS256' }],
    ['RSA of 1024 bits', rsaWith({ modulusLength: 1024 })],
    ['RSA with the exponent 3', rsaWith({ modulusLength: 2048, publicExponent: 3 })],
    ['a key for encryption', { ...rsa.jwk, use: 'enc' }],
    ['a key for another algorithm', { ...rsa.jwk, alg: 'PS256' }],
    ['a key that may only sign', { ...rsa.jwk, key_ops: ['sign'] }],
    ['a curve that ES256 does not use', { ...p384, kid: 'x' }],
    ['a point that is not on the curve', { ...ec.jwk, x: ec.jwk['y'] }],
    ['a kid that is a number', { ...rsa.jwk, kid: 7 }],
    ['a type that is none', { kty: 'constructor', n: 'AQAB', e: 'AQAB' }],
  ])('leave out %s', (_what, jwk) => {
    expect(() => readJwks({ keys: [jwk] }, both)).toThrow(/no key for signatures/);
    expect(idsOf([jwk, { ...rsa.jwk, kid: 'good' }])).toEqual(['good']);
  });

  it('are those of the algorithms asked for', () => {
    expect([idsOf([rsa.jwk, ec.jwk]), idsOf([rsa.jwk, ec.jwk], ['ES256'])]).toEqual([['r1', 'e1'], ['e1']]);
  });

  it('are public, also where somebody published the private one', () => {
    const [key] = readJwks({ keys: [{ ...rsa.privateKey.export({ format: 'jwk' }), kid: 'r1' }] }, both);
    expect(key?.key.type).toBe('public');
  });

  it.each<readonly [string, unknown, RegExp]>([
    ['nothing', undefined, /no list "keys"/],
    ['a list', [], /no list "keys"/],
    ['no keys', { keys: [] }, /no key for signatures/],
    ['65 keys', { keys: Array.from({ length: 65 }, () => rsa.jwk) }, /more than 64/],
    ['a kid that stands for two', { keys: [rsa.jwk, issuerKey('r1').jwk] }, /same kid/],
  ])('are refused when the JWKS is %s', (_what, json, message) => {
    expect(() => readJwks(json, both)).toThrow(message);
  });
});

describe('keys that are fetched', () => {
  const MINUTE = 60_000;

  async function source(): Promise<{ issuer: OutsideIssuer; keys: JwksSource; pass: (ms: number) => void; problems: string[] }> {
    const issuer = await outsideIssuer([rsa]);
    const problems: string[] = [];
    let now = 1_000_000;
    const keys = jwksFromUrl(issuer.url, { algorithms: both, onProblem: (problem) => void problems.push(problem), clock: () => now });
    return { issuer, keys, problems, pass: (ms) => void (now += ms) };
  }

  const idsIn = async (keys: Promise<readonly { readonly id: string | undefined }[]>): Promise<readonly (string | undefined)[]> => (await keys).map(({ id }) => id);

  it('are fetched again after ten minutes, and their version tells whether they changed', async () => {
    const { issuer, keys, pass } = await source();
    await keys.keys();
    const { version } = keys;
    pass(9 * MINUTE);
    await keys.keys();
    expect(issuer.fetches).toBe(1);
    pass(2 * MINUTE);
    await keys.keys();
    expect([issuer.fetches, keys.version]).toEqual([2, version]);
    issuer.answer = [ec];
    pass(11 * MINUTE);
    expect(await idsIn(keys.keys())).toEqual(['e1']);
    expect(keys.version).not.toBe(version);
  });

  it('are used for a day when they cannot be fetched, and looked for once a minute', async () => {
    const { issuer, keys, pass, problems } = await source();
    await keys.keys();
    issuer.answer = (_request, response) => response.writeHead(503).end();
    pass(11 * MINUTE);
    for (const wait of [0, 30_000, 31_000]) {
      pass(wait);
      expect(await idsIn(keys.keys())).toEqual(['r1']);
    }
    expect([issuer.fetches, problems.length]).toEqual([3, 2]);
    pass(24 * 60 * MINUTE);
    await expect(keys.keys()).rejects.toThrow(/HTTP 503/);
  });

  it('are looked for every five seconds while there are none', async () => {
    const { issuer, keys, pass } = await source();
    issuer.answer = (_request, response) => response.destroy();
    await expect(keys.keys()).rejects.toThrow(/cannot be read/);
    await expect(keys.keys()).rejects.toThrow(/cannot be read/);
    expect(issuer.fetches).toBe(1);
    issuer.answer = [rsa];
    pass(5000);
    expect(await idsIn(keys.keys())).toEqual(['r1']);
  });

  it('are fetched for an unknown key once a minute', async () => {
    const { issuer, keys, pass } = await source();
    await keys.keys();
    for (const wait of [0, 10_000, 51_000]) {
      pass(wait);
      await keys.keysAgain();
    }
    expect(issuer.fetches).toBe(3);
  });

  it('are given up after five seconds', async () => {
    const { issuer, keys } = await source();
    issuer.answer = () => {};
    const startMs = performance.now();
    await expect(keys.keys()).rejects.toThrow(/cannot be read/);
    expect(performance.now() - startMs).toBeLessThan(7000);
  });
});
