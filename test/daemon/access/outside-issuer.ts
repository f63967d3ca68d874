import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { nowS, signWith } from './forge.ts';

export const ISSUER = 'https://login.example';
export const AUDIENCE = 'tollgate-of-bob';

export interface IssuerKey {
  readonly kid: string | undefined;
  readonly algorithm: 'RS256' | 'ES256';
  readonly privateKey: KeyObject;
  /** As it stands in a JWKS. */
  readonly jwk: Readonly<Record<string, unknown>>;
}

export function issuerKey(kid: string | undefined, algorithm: IssuerKey['algorithm'] = 'RS256', bits = 2048): IssuerKey {
  const { privateKey } = algorithm === 'RS256' ? generateKeyPairSync('rsa', { modulusLength: bits }) : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { kid, algorithm, privateKey, jwk: { ...createPublicKey(privateKey).export({ format: 'jwk' }), use: 'sig', alg: algorithm, ...(kid === undefined ? {} : { kid }) } };
}

export const outsideClaims = (): Record<string, unknown> => ({ iss: ISSUER, aud: AUDIENCE, sub: 'bob', scope: 'generate openid', iat: nowS(), exp: nowS() + 600 });

/** A token of the issuer; `header` adds to alg, typ and kid, or replaces them. */
export const outsideToken = (key: IssuerKey, claims: unknown = outsideClaims(), header: object = {}): string =>
  signWith(key.privateKey, { alg: key.algorithm, typ: 'JWT', ...(key.kid === undefined ? {} : { kid: key.kid }), ...header }, claims);

export interface OutsideIssuer {
  readonly url: string;
  /** How often its keys were asked for. */
  readonly fetches: number;
  /** What it answers from now on; a function answers itself. */
  answer: readonly IssuerKey[] | ((request: IncomingMessage, response: ServerResponse) => void);
}

/** A second issuer: a real HTTP server with its JWKS. */
export async function outsideIssuer(keys: readonly IssuerKey[]): Promise<OutsideIssuer> {
  let fetches = 0;
  const issuer = {
    url: '',
    get fetches() {
      return fetches;
    },
    answer: keys as OutsideIssuer['answer'],
  };
  const server = createServer((request, response) => {
    fetches++;
    if (typeof issuer.answer === 'function') issuer.answer(request, response);
    else response.setHeader('content-type', 'application/jwk-set+json').end(JSON.stringify({ keys: issuer.answer.map(({ jwk }) => jwk) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  issuer.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
  return issuer;
}

/** The config's entry for it. */
export const issuerConfig = (keys: { jwks_url?: string; jwks_file?: string }, more: object = {}): object => ({ issuers: [{ issuer: ISSUER, audience: AUDIENCE, algorithms: ['RS256', 'ES256'], ...keys, ...more }] });
