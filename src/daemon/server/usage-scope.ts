import type { UsageFilter } from '../../gen/tollgate/v1/usage_service.ts';
import type { Caller } from '../access/caller.ts';
import { Failure } from '../failure.ts';
import type { Who } from '../usage/usage-book.ts';

const isAdmin = (caller: Caller): boolean => caller.scopes.has('usage:admin');

/** Throws SCOPE_MISSING when a caller may not see what is a client's. "" is nobody in particular. */
export function checkMaySee(caller: Caller, client: string): void {
  if (client === '' || client === caller.client || isAdmin(caller)) return;
  throw new Failure('SCOPE_MISSING', `the token of "${caller.client}" lacks the scope "usage:admin" that the usage of another client needs`, {
    metadata: { scope: 'usage:admin', client: caller.client },
  });
}

/** Whose usage a caller sees: with `usage:admin` everybody's, else its own. Throws SCOPE_MISSING when it asks for another client's. */
export function visibleTo(caller: Caller, filter?: UsageFilter): Who {
  checkMaySee(caller, filter?.client ?? '');
  return isAdmin(caller) ? 'everybody' : { client: caller.client };
}
