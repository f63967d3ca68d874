import { parseWhole, readJsonText, send, throwUnlessOk, type Answer, type HttpRequest } from '../kit/http.ts';
import { readErrorText } from '../kit/read-error-text.ts';
import { googleError } from './google-error.ts';

/** Throws Google's typed error of an answer that is not a success. */
export async function throwUnlessGoogleOk(answer: Answer, key: string): Promise<void> {
  if (answer.status < 400) return throwUnlessOk(answer, { key });
  throw googleError(await readErrorText(answer), { key, status: answer.status, headers: answer.headers });
}

/** Asks for one JSON value. */
export async function fetchGoogle(request: HttpRequest, key: string): Promise<unknown> {
  const answer = await (await send(request)).answer();
  await throwUnlessGoogleOk(answer, key);
  return parseWhole(await readJsonText(answer));
}

/** The path of a model's method: "gemini-3.5-flash", "models/gemini-3.5-flash" and "tunedModels/mine" are all names. */
export const methodPath = (model: string, method: string): string => `/${resourceName(model).split('/').map(encodeURIComponent).join('/')}:${method}`;

/** A model's name as Google's bodies have it. */
export const resourceName = (model: string): string => (model.includes('/') ? model : `models/${model}`);
