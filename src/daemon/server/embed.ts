import type { EmbedRequest, EmbedResponse } from '../../gen/tollgate/v1/generate_service.ts';
import { invalidRequest } from '../failure.ts';
import { holdsKey } from '../mask-keys.ts';
import { runEmbed, type EmbedInput } from '../routing/run-embed.ts';
import { isJsonObject } from './is-json.ts';
import type { CallScope } from './serve.ts';
import { Violations } from './violations.ts';

/** How long an Embed may take when its caller sets no deadline: a local model may have to be loaded first. */
export const EMBED_MS = 120_000;

/** The largest answer, in bytes of numbers. */
const MAX_ANSWER_BYTES = 3 * 1024 * 1024;
const BYTES_PER_NUMBER = 4;

function checkEmbedRequest(request: EmbedRequest): void {
  const violations = new Violations();
  violations.check(request.model !== '', 'model', 'name the model: there is no default for embeddings');
  violations.check(!holdsKey(request.model), 'model', 'this looks like a key; nobody was asked');
  violations.check(request.inputs.length > 0, 'inputs', 'at least one text is needed');
  for (const [at, input] of request.inputs.entries()) violations.check(input !== '', `inputs[${at}]`, 'must not be empty');
  violations.checkSet(request.dimensions, (value) => value >= 1, 'dimensions', 'must be at least 1');
  for (const [type, json] of Object.entries(request.providerOptionsJson)) violations.check(isJsonObject(json), `provider_options_json["${type}"]`, 'must be a JSON object');
  violations.throwIfAny();
}

function checkSize(count: number, dimensions: number): void {
  const most = Math.floor(MAX_ANSWER_BYTES / (Math.max(1, dimensions) * BYTES_PER_NUMBER));
  if (count > most) throw invalidRequest([{ field: 'inputs', description: `${count} vectors of ${dimensions} numbers are over 3 MiB; send at most ${most} texts at a time` }]);
}

/** Turns texts into vectors: checks, asks one provider, and keeps the answer within what a response may hold. */
export async function embed(request: EmbedRequest, plan: (model: string) => Promise<Omit<EmbedInput, 'request' | 'signal' | 'deadlineMs'>>, { caller, log, signal, deadlineMs }: CallScope): Promise<EmbedResponse> {
  checkEmbedRequest(request);
  // What is known to be too much is refused before it costs anything.
  if (request.dimensions !== undefined) checkSize(request.inputs.length, request.dimensions);
  const startMs = performance.now();
  const { response, provider, model, cost } = await runEmbed({ request, signal, deadlineMs, ...(await plan(request.model)) });
  checkSize(response.vectors.length, response.vectors[0]?.values.length ?? 0);
  log.info({ rpc: 'Embed', client: caller.client, provider, model, inputs: request.inputs.length, ms: Math.round(performance.now() - startMs) }, 'embedded');
  return {
    embeddings: response.vectors.map(({ values }, index) => ({ index, values })),
    responseModel: response.responseModel,
    usage: response.usage,
    cost,
  };
}
