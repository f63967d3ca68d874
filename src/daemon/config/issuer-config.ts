import type { ExternalAlgorithm } from '../access/jwks.ts';
import type { Scope, Tier } from '../access/caller.ts';

/** Somebody else whose tokens are taken. */
export interface IssuerConfig {
  /** The claim `iss` of its tokens, to the letter. */
  readonly issuer: string;
  /** The claim `aud` of those that are meant for this daemon, to the letter. */
  readonly audience: string;
  /** Where its public keys stand: one of the two. */
  readonly jwksFile: string | undefined;
  readonly jwksUrl: string | undefined;
  readonly algorithms: readonly ExternalAlgorithm[];
  readonly claims: IssuerClaims;
  /** Stands before the client's name, so that the issuer cannot name a client of ours. */
  readonly clientPrefix: string;
  /** What its tokens may allow at most. */
  readonly scopes: readonly Scope[];
  /** What a token without the claim allows. */
  readonly defaultScopes: readonly Scope[];
  readonly tiers: readonly Tier[];
  readonly defaultTier: Tier;
}

/** The names of the claims that say who calls and what is allowed. */
export interface IssuerClaims {
  readonly client: string;
  readonly scope: string;
  readonly tier: string | undefined;
  readonly models: string | undefined;
  readonly providers: string | undefined;
}
