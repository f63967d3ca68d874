import { readText, send } from '../plugins/kit/http.ts';

export interface TextRequest {
  readonly url: string;
  /** The media types that are asked for. */
  readonly accept: string;
  readonly maxBytes: number;
  /** Ends it, with its reason. */
  readonly signal: AbortSignal;
}

/** What stands at an address. Follows no redirect. Throws an Error that says why it cannot be had. */
export async function fetchText({ url, accept, maxBytes, signal }: TextRequest): Promise<string> {
  const exchange = await send({ method: 'GET', url, headers: { accept }, signal });
  try {
    const answer = await exchange.answer();
    if (answer.status !== 200) throw new Error(`HTTP ${answer.status}${answer.status >= 300 && answer.status < 400 ? '; redirects are not followed' : ''}`);
    const text = await readText(answer, maxBytes);
    if (text === undefined) throw new Error(`it is longer than ${maxBytes} bytes`);
    return text;
  } finally {
    exchange.close();
  }
}
