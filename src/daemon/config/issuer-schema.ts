import * as z from 'zod';
import { SCOPES, TIERS } from '../access/caller.ts';
import { EXTERNAL_ALGORITHMS } from '../access/jwks.ts';
import { ISSUER } from '../access/token-claims.ts';
import { isSafeAddress, SAFE_ADDRESS } from './is-safe-address.ts';
import type { IssuerConfig } from './issuer-config.ts';

const MAX_ISSUERS = 16;
const text = (what: string) => z.string().min(1, `write ${what}`).max(1024);
const claim = text("a claim's name");
const scope = z.enum(SCOPES, `there is only ${SCOPES.join(', ')}`);
const tier = z.enum(TIERS, `there is only ${TIERS.join(', ')}`);

const issuer = z
  .strictObject({
    issuer: text('the claim "iss" of its tokens, to the letter')
      .refine((name) => name !== ISSUER, `"${ISSUER}" is this daemon's own name`)
      .describe('The claim iss of its tokens, to the letter.'),
    audience: text('the claim "aud" of its tokens for this daemon, to the letter').describe('The claim aud of its tokens for this daemon, to the letter.'),
    jwks_file: z.string().startsWith('/', 'write an absolute path').optional().describe('Its public keys as a JWKS; read again when it changes. Nobody else may write it.'),
    jwks_url: z
      .string()
      .refine(isSafeAddress, SAFE_ADDRESS)
      .optional()
      .describe('Where its JWKS is fetched.'),
    algorithms: z.array(z.enum(EXTERNAL_ALGORITHMS, `there is only ${EXTERNAL_ALGORITHMS.join(', ')}`)).min(1).default(['RS256']).describe('How it signs.'),
    claims: z
      .strictObject({
        client: claim.default('sub').describe('Says who calls.'),
        scope: claim.default('scope').describe('Says what is allowed: words with spaces between, or a list. Words that are none of ours are passed over.'),
        tier: claim.optional().describe('Says the tier. Not looked at when absent.'),
        models: claim.optional().describe('A list of globs over provider/model. Not looked at when absent.'),
        providers: claim.optional().describe('A list of globs over provider instances. Not looked at when absent.'),
      })
      .prefault({}),
    client_prefix: z
      .string()
      .regex(/^([A-Za-z0-9][A-Za-z0-9._@-]{0,31})?$/, 'write at most 32 letters, digits, ".", "_", "@" and "-", beginning with a letter or digit')
      .default('')
      .describe("Stands before its clients' names, so that it cannot name one of ours."),
    scopes: z.array(scope).default(['generate']).describe('What its tokens may allow at most.'),
    default_scopes: z.array(scope).default([]).describe('What a token without the claim allows.'),
    tiers: z
      .array(tier)
      .min(1)
      .default(TIERS.filter((name) => name !== 'admin'))
      .describe('Which tiers its tokens may name.'),
    default_tier: tier.default('free').describe('The tier of a token without the claim.'),
  })
  .refine(({ jwks_file: file, jwks_url: url }) => (file === undefined) !== (url === undefined), 'say where its keys stand: "jwks_file" or "jwks_url", one of them')
  .refine((entry) => entry.default_scopes.every((name) => entry.scopes.includes(name)), { path: ['default_scopes'], message: 'these must stand in "scopes" too' })
  .refine((entry) => entry.tiers.includes(entry.default_tier), { path: ['default_tier'], message: 'this must stand in "tiers" too' });

export const issuersSchema = z
  .array(issuer)
  .max(MAX_ISSUERS)
  .refine((all) => new Set(all.map((entry) => entry.issuer)).size === all.length, 'an issuer stands here twice')
  .default([])
  .describe('Others whose tokens are taken beside our own.');

export const toIssuer = (entry: z.output<typeof issuer>): IssuerConfig => ({
  issuer: entry.issuer,
  audience: entry.audience,
  jwksFile: entry.jwks_file,
  jwksUrl: entry.jwks_url,
  algorithms: entry.algorithms,
  claims: { client: entry.claims.client, scope: entry.claims.scope, tier: entry.claims.tier, models: entry.claims.models, providers: entry.claims.providers },
  clientPrefix: entry.client_prefix,
  scopes: entry.scopes,
  defaultScopes: entry.default_scopes,
  tiers: entry.tiers,
  defaultTier: entry.default_tier,
});
