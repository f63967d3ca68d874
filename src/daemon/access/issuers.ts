import jwt from 'jsonwebtoken';
import { isDeepStrictEqual } from 'node:util';
import type { IssuerConfig } from '../config/issuer-config.ts';
import { Failure } from '../failure.ts';
import type { Logger } from '../logger.ts';
import type { Caller } from './caller.ts';
import { externalCaller } from './external-claims.ts';
import type { PublicKey } from './jwks.ts';
import { jwksFromFile, jwksFromUrl, type JwksSource } from './jwks-source.ts';
import type { UnprovenToken } from './read-token.ts';
import { LEEWAY_S } from './token-claims.ts';
import { expiredToken, invalidToken } from './token-failure.ts';

/** Thumbprints of the key are harmless and common; a key or an address in the header is neither. */
const HEADER_NAMES: ReadonlySet<string> = new Set(['alg', 'typ', 'kid', 'x5t', 'x5t#S256']);
/** Other types are no proof of who calls, e.g. logout+jwt. */
const TYPES: ReadonlySet<string> = new Set(['jwt', 'at+jwt', 'application/at+jwt']);

/** Somebody else whose tokens are taken. */
export interface ExternalIssuer {
  /** Another number once what was proven before must be proven again. */
  readonly epoch: number;
  /** Throws TOKEN_INVALID, TOKEN_EXPIRED, or KEY_STORE_UNAVAILABLE when the issuer's keys cannot be had. */
  verify(token: string, unproven: UnprovenToken): Promise<Caller>;
}

/** Undefined when the issuer has no such key, as far as is known. */
function pick(keys: readonly PublicKey[], { keyId, algorithm }: UnprovenToken): PublicKey | undefined {
  const fitting = keys.filter((key) => key.algorithm === algorithm);
  const [sole] = fitting;
  if (keyId === undefined) {
    if (fitting.length > 1) throw invalidToken('it does not say which key signed it (kid), and its issuer has several');
    return sole;
  }
  return fitting.find(({ id }) => id === keyId) ?? (fitting.length === 1 && sole?.id === undefined ? sole : undefined);
}

function checkHeader({ headerNames, type, algorithm }: UnprovenToken, config: IssuerConfig): void {
  if (headerNames.some((name) => !HEADER_NAMES.has(name))) throw invalidToken('its header has a field that is not allowed');
  if (type !== undefined && !TYPES.has(type.toLowerCase())) throw invalidToken('its typ is not that of a token for calls');
  if (!config.algorithms.some((allowed) => allowed === algorithm)) throw invalidToken(`its issuer signs with ${config.algorithms.join(' or ')}`);
}

interface OpenIssuer extends ExternalIssuer {
  readonly config: IssuerConfig;
  close(): void;
}

function openIssuer(config: IssuerConfig, log: Logger): OpenIssuer {
  const { issuer, audience, algorithms, jwksFile, jwksUrl } = config;
  const options = { algorithms, onProblem: (problem: string) => log.warn({ issuer, problem }, "an issuer's keys cannot be read") };
  const source: JwksSource = jwksFile === undefined ? jwksFromUrl(jwksUrl ?? '', options) : jwksFromFile(jwksFile, options);
  let closed = false;

  const unavailable = (error: unknown): never => {
    throw new Failure('KEY_STORE_UNAVAILABLE', `the token cannot be verified now: ${error instanceof Error ? error.message : String(error)}. Try again in a moment`, { metadata: { issuer }, retryAfterMs: 5000 });
  };
  const keyOf = async (unproven: UnprovenToken): Promise<PublicKey> => {
    const key = pick(await source.keys().catch(unavailable), unproven) ?? pick(await source.keysAgain().catch(unavailable), unproven);
    if (key === undefined) throw invalidToken('it was signed by a key that its issuer does not have');
    return key;
  };

  return {
    config,
    get epoch() {
      return closed ? -1 : source.version;
    },
    async verify(token, unproven) {
      checkHeader(unproven, config);
      const { key, algorithm } = await keyOf(unproven);
      if (closed) throw invalidToken('its issuer is not known here');
      let claims: unknown;
      try {
        claims = jwt.verify(token, key, { algorithms: [algorithm], issuer, audience, clockTolerance: LEEWAY_S });
      } catch (error) {
        throw error instanceof jwt.TokenExpiredError ? expiredToken() : invalidToken('its signature or claims are wrong');
      }
      return externalCaller(claims, config, Math.floor(Date.now() / 1000));
    },
    close() {
      closed = true;
    },
  };
}

/** The outside issuers of the config in force. */
export interface Issuers {
  find(issuer: string): ExternalIssuer | undefined;
  /** Takes these from now on. Those that stay as they were keep their keys. */
  use(configs: readonly IssuerConfig[]): void;
}

export function makeIssuers(log: Logger): Issuers {
  let open = new Map<string, OpenIssuer>();
  return {
    find: (issuer) => open.get(issuer),
    use(configs) {
      const before = open;
      open = new Map(
        configs.map((config) => {
          const kept = before.get(config.issuer);
          return [config.issuer, kept !== undefined && isDeepStrictEqual(kept.config, config) ? kept : openIssuer(config, log)];
        }),
      );
      for (const issuer of before.values()) if (open.get(issuer.config.issuer) !== issuer) issuer.close();
    },
  };
}
