import { Failure } from '../failure.ts';

const again = 'Ask for a new one: tollgate token create';

/** `why` never quotes the token. */
export const invalidToken = (why: string): Failure => new Failure('TOKEN_INVALID', `the token is not valid: ${why}. ${again}`);
export const expiredToken = (): Failure => new Failure('TOKEN_EXPIRED', `the token has expired. ${again}`);
export const revokedToken = (): Failure => new Failure('TOKEN_REVOKED', `the token was revoked. ${again}`);
