import { ErrorClass } from '../provider.ts';

/** What is known of a provider's error: its HTTP status, its own words for type and code, and its message. */
export interface ErrorFacts {
  readonly status?: number | undefined;
  readonly type?: string | undefined;
  readonly code?: string | undefined;
  /** More such words, which stand deeper in the error. */
  readonly words?: readonly string[];
  readonly message: string;
}

/** The providers' own words for type and code, in lower case. Money and quota hide behind 429, 400 and 403: words come before the status. */
const BY_WORD: Readonly<Record<string, ErrorClass>> = {
  insufficient_quota: ErrorClass.BILLING,
  credit_balance_exhausted: ErrorClass.BILLING,
  billing_hard_limit_reached: ErrorClass.BILLING,
  billing_not_active: ErrorClass.BILLING,
  billing_error: ErrorClass.BILLING,
  payment_required: ErrorClass.BILLING,
  insufficient_balance: ErrorClass.BILLING,
  'personal-team-blocked:spending-limit': ErrorClass.BILLING,
  blocked_api_access: ErrorClass.QUOTA,
  weight_exceeds_budget: ErrorClass.QUOTA,
  organization_spend_limit_exceeded: ErrorClass.QUOTA,
  project_spend_limit_exceeded: ErrorClass.QUOTA,
  organization_usage_limit_exceeded: ErrorClass.QUOTA,
  enforced_spend_limit_reached: ErrorClass.QUOTA,
  contract_spend_limit_reached: ErrorClass.QUOTA,
  linked_organization_spend_limit_reached: ErrorClass.QUOTA,
  in_flight_budget_exhausted: ErrorClass.RATE_LIMIT,
  context_length_exceeded: ErrorClass.CONTEXT_LENGTH,
  context_window_exceeded: ErrorClass.CONTEXT_LENGTH,
  exceed_context_size_error: ErrorClass.CONTEXT_LENGTH,
  content_filter: ErrorClass.CONTENT_FILTER,
  content_policy_violation: ErrorClass.CONTENT_FILTER,
  model_not_found: ErrorClass.NOT_FOUND,
  model_not_available: ErrorClass.NOT_FOUND,
  not_found_error: ErrorClass.NOT_FOUND,
  deploymentnotfound: ErrorClass.NOT_FOUND,
  request_too_large: ErrorClass.TOO_LARGE,
  request_body_too_large_after_decoding: ErrorClass.TOO_LARGE,
  invalid_api_key: ErrorClass.AUTH,
  authentication_error: ErrorClass.AUTH,
  api_key_invalid: ErrorClass.AUTH,
  permission_error: ErrorClass.PERMISSION,
  organization_restricted: ErrorClass.PERMISSION,
  organization_on_hold: ErrorClass.PERMISSION,
  unsupported_country_region_territory: ErrorClass.PERMISSION,
  overloaded_error: ErrorClass.OVERLOADED,
  provider_overloaded: ErrorClass.OVERLOADED,
  server_overloaded: ErrorClass.OVERLOADED,
  capacity_exceeded: ErrorClass.OVERLOADED,
  unavailable_error: ErrorClass.OVERLOADED,
  insufficient_system_resource: ErrorClass.OVERLOADED,
  provider_unavailable: ErrorClass.SERVER,
  rate_limit_exceeded: ErrorClass.RATE_LIMIT,
  rate_limit_error: ErrorClass.RATE_LIMIT,
  rate_limited: ErrorClass.RATE_LIMIT,
  slow_down: ErrorClass.RATE_LIMIT,
  api_error: ErrorClass.SERVER,
  server_error: ErrorClass.SERVER,
  timeout_error: ErrorClass.SERVER,
  tool_use_failed: ErrorClass.INVALID_REQUEST,
  invalid_request_error: ErrorClass.INVALID_REQUEST,
};

/** What only the message tells apart. */
const BY_MESSAGE: readonly (readonly [RegExp, ErrorClass])[] = [
  [/credit balance is too low|used all available credits|run out of credits|insufficient balance|extra usage is required/i, ErrorClass.BILLING],
  [/specified API usage limits|reached your (session|hourly|daily|weekly|monthly) usage limit|used up your daily free allocation|usage limit reached/i, ErrorClass.QUOTA],
  [/prompt is too long|maximum context length|context (length|window) (of|is|exceeded)|exceed(?:s|ed)? (?:the|this) (?:model(?:'s)? )?(?:maximum )?context|exceeds? context limit|longer than the context|context size|maximum prompt length|prompt exceeds max length|max_new_tokens. must be <=/i, ErrorClass.CONTEXT_LENGTH],
  [/violates usage guidelines|potentially unsafe or sensitive content/i, ErrorClass.CONTENT_FILTER],
  [/api key not valid|incorrect api key|invalid api key/i, ErrorClass.AUTH],
  [/no such model|model .{0,200} not found|does not exist or you do not have access/i, ErrorClass.NOT_FOUND],
];

const BY_STATUS: Readonly<Record<number, ErrorClass>> = {
  400: ErrorClass.INVALID_REQUEST,
  401: ErrorClass.AUTH,
  402: ErrorClass.BILLING,
  403: ErrorClass.PERMISSION,
  404: ErrorClass.NOT_FOUND,
  408: ErrorClass.SERVER,
  409: ErrorClass.SERVER,
  410: ErrorClass.NOT_FOUND,
  413: ErrorClass.TOO_LARGE,
  422: ErrorClass.INVALID_REQUEST,
  424: ErrorClass.SERVER,
  429: ErrorClass.RATE_LIMIT,
  498: ErrorClass.OVERLOADED,
  503: ErrorClass.OVERLOADED,
  529: ErrorClass.OVERLOADED,
};

function byStatus(status: number): ErrorClass {
  const known = BY_STATUS[status];
  if (known !== undefined) return known;
  if (status >= 500) return ErrorClass.SERVER;
  return status >= 400 ? ErrorClass.INVALID_REQUEST : ErrorClass.INVALID_RESPONSE;
}

/** A word that says less than the status or the message does. */
const VAGUE: ReadonlySet<ErrorClass> = new Set([ErrorClass.INVALID_REQUEST, ErrorClass.RATE_LIMIT, ErrorClass.SERVER]);

/** A provider's word may be "constructor": only own entries count. */
const lookUp = (table: Readonly<Record<string, ErrorClass>>, word: string | undefined): ErrorClass | undefined =>
  word !== undefined && Object.hasOwn(table, word) ? table[word] : undefined;

/**
 * Tells what kind of failure an error is. `codes` are a provider's own codes that mean something else elsewhere.
 * Without any sign the provider itself has failed.
 */
export function errorClassOf(facts: ErrorFacts, codes: Readonly<Record<string, ErrorClass>> = {}): ErrorClass {
  const own = lookUp(codes, facts.code);
  if (own !== undefined) return own;
  const words = [...(facts.words ?? []), facts.code, facts.type].flatMap((word) => lookUp(BY_WORD, word?.toLowerCase()) ?? []);
  const exact = words.find((word) => !VAGUE.has(word));
  if (exact !== undefined) return exact;
  const said = BY_MESSAGE.find(([pattern]) => pattern.test(facts.message))?.[1];
  if (said !== undefined) return said;
  // Groq's 413 "rate_limit_exceeded" is a request larger than the rate allows: waiting never helps.
  if (facts.status === 413) return ErrorClass.TOO_LARGE;
  const status = facts.status === undefined || facts.status < 300 ? undefined : byStatus(facts.status);
  return words[0] === ErrorClass.RATE_LIMIT ? ErrorClass.RATE_LIMIT : (status ?? words[0] ?? ErrorClass.SERVER);
}
