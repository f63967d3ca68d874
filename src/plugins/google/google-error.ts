import { arrayOf, isObject, objectOf, parseJson, stringOf, type JsonObject } from '../kit/json.ts';
import { isTooHeavy } from '../kit/json-weight.ts';
import { answerError, type AnswerErrorContext } from '../kit/provider-answer-error.ts';
import { ErrorClass, ProviderError } from '../provider.ts';

/** Google's own reasons (`google.rpc.ErrorInfo`) that say more than the status beside them. */
const BY_REASON: ReadonlyMap<unknown, ErrorClass> = new Map([
  ['API_KEY_INVALID', ErrorClass.AUTH],
  ['CREDENTIALS_MISSING', ErrorClass.AUTH],
  ['BILLING_DISABLED', ErrorClass.BILLING],
  ['RESOURCE_QUOTA_EXCEEDED', ErrorClass.QUOTA],
]);

/** What only the message tells apart. */
const BY_MESSAGE: readonly (readonly [RegExp, ErrorClass])[] = [
  [/prepayment credits are depleted/i, ErrorClass.BILLING],
  [/spend(ing)? cap\b/i, ErrorClass.QUOTA],
  // A quota of 0: the model is not in the plan, and no wait changes that.
  [/\blimit: 0(?![\d.])/, ErrorClass.QUOTA],
  [/reported as leaked|unregistered callers/i, ErrorClass.AUTH],
  [/location is not supported|not available in your (country|region|location)/i, ErrorClass.PERMISSION],
  [/input token count\b.{0,200}\bexceeds the maximum/is, ErrorClass.CONTEXT_LENGTH],
  [/payload size exceeds/i, ErrorClass.TOO_LARGE],
];

/** Google's word for a call that it gave up itself, under a status that elsewhere is the caller's fault. */
const CANCELLED = 'CANCELLED';

/** Services in front of the models wrap the models' error as text into their own. */
function unwrap(body: unknown): unknown {
  const message = stringOf(errorOf(body)?.['message']);
  const inner = message === undefined || isTooHeavy(message) ? undefined : parseJson(message);
  return errorOf(inner) === undefined ? body : inner;
}

/** The error of a body; without `alt=sse` the body is a list of one. */
const errorOf = (body: unknown): JsonObject | undefined => objectOf(objectOf(Array.isArray(body) ? body[0] : body)?.['error']);

/** A daily quota among those that ran out: Google says all the same to try again in seconds. */
const isDaily = (detail: JsonObject): boolean =>
  arrayOf(detail['violations']).some((violation) => isObject(violation) && /PerDay/i.test(`${stringOf(violation['quotaId']) ?? ''} ${stringOf(violation['quotaMetric']) ?? ''}`));

function classOf({ errorClass, message, type }: ProviderError, error: JsonObject | undefined): ErrorClass {
  const details = arrayOf(error?.['details']).filter(isObject);
  const reason = details.map((detail) => BY_REASON.get(detail['reason'])).find((found) => found !== undefined);
  if (reason !== undefined) return reason;
  const whole = stringOf(error?.['message']) ?? message;
  const said = BY_MESSAGE.find(([pattern]) => pattern.test(whole))?.[1];
  if (said !== undefined) return said;
  if (errorClass === ErrorClass.RATE_LIMIT && details.some(isDaily)) return ErrorClass.QUOTA;
  return type === CANCELLED ? ErrorClass.SERVER : errorClass;
}

/** Makes the typed error of what Google answered: a body, parsed or as text. */
export function googleError(body: unknown, context: AnswerErrorContext): ProviderError {
  const parsed = unwrap(typeof body === 'string' ? (parseJson(body) ?? body) : body);
  const error = answerError(parsed, context);
  const errorClass = classOf(error, errorOf(parsed));
  if (errorClass === error.errorClass) return error;
  const { message, httpStatus, type, code, retryAfterMs, usage } = error;
  // A wait of seconds cures neither an empty account nor a day's quota.
  const retries = errorClass === ErrorClass.SERVER;
  return new ProviderError(errorClass, message, { httpStatus, type, code, retryAfterMs: retries ? retryAfterMs : undefined, usage });
}
