import { ErrorClass, ProviderError, type TokenUsage } from '../provider.ts';
import type { JsonObject } from './json.ts';
import { objectOf } from './json.ts';
import { answerError, type AnswerErrorContext } from './provider-answer-error.ts';

/** Codes of failed responses. */
const CODES: Readonly<Record<string, ErrorClass>> = {
  invalid_prompt: ErrorClass.INVALID_REQUEST,
  bio_policy: ErrorClass.CONTENT_FILTER,
  misalignment_policy_violation: ErrorClass.CONTENT_FILTER,
  image_content_policy_violation: ErrorClass.CONTENT_FILTER,
  data_residency_mismatch: ErrorClass.PERMISSION,
  invalid_image: ErrorClass.INVALID_REQUEST,
  invalid_image_format: ErrorClass.INVALID_REQUEST,
  invalid_base64_image: ErrorClass.INVALID_REQUEST,
  invalid_image_url: ErrorClass.INVALID_REQUEST,
  invalid_image_mode: ErrorClass.INVALID_REQUEST,
  image_too_large: ErrorClass.INVALID_REQUEST,
  image_too_small: ErrorClass.INVALID_REQUEST,
  image_parse_error: ErrorClass.INVALID_REQUEST,
  image_file_too_large: ErrorClass.INVALID_REQUEST,
  unsupported_image_media_type: ErrorClass.INVALID_REQUEST,
  empty_image_file: ErrorClass.INVALID_REQUEST,
  failed_to_download_image: ErrorClass.INVALID_REQUEST,
  image_file_not_found: ErrorClass.INVALID_REQUEST,
};

export interface ResponsesErrorContext extends Pick<AnswerErrorContext, 'key' | 'headers' | 'codes'> {
  readonly usage: TokenUsage | undefined;
}

/** The typed error of an `error` event, which holds its words itself or in an object of their own, or of a failed response. */
export function responsesError(told: unknown, { codes, ...context }: ResponsesErrorContext): ProviderError {
  const error = answerError(withoutEventType(told), { ...context, codes: { ...CODES, ...codes }, status: 200 });
  const refined = refinedClass(error);
  return refined === error.errorClass ? error : new ProviderError(refined, error.message, error);
}

/** An event's type is no type of error. */
function withoutEventType(told: unknown): unknown {
  const event = objectOf(told);
  if (event?.['type'] !== 'error') return told;
  const { type: _type, ...words } = event;
  return words satisfies JsonObject;
}

function refinedClass({ errorClass, code, message }: ProviderError): ErrorClass {
  // One code for a prompt that is malformed and for one that a filter stopped.
  if (code === 'invalid_prompt' && /flagged|usage polic/i.test(message)) return ErrorClass.CONTENT_FILTER;
  // Azure was seen to tell a rate limit in words alone.
  if (errorClass === ErrorClass.SERVER && code === undefined && /rate limit/i.test(message)) return ErrorClass.RATE_LIMIT;
  return errorClass;
}
