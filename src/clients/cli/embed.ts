import { createInterface } from 'node:readline/promises';
import { EmbedResponse } from '../../gen/tollgate/v1/generate_service.ts';
import { canonicalJson } from './canonical-json.ts';
import { CliError, exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { openOrStart } from './open-client.ts';

export interface EmbedOptions {
  readonly model: string;
  readonly dimensions?: number;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

async function linesOf(stdin: CliHost['stdin']): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: stdin, crlfDelay: Number.POSITIVE_INFINITY })) if (line.trim() !== '') lines.push(line);
  return lines;
}

export async function embed(texts: readonly string[], options: EmbedOptions, host: CliHost, console: Console): Promise<number> {
  const inputs = texts.length > 0 || host.stdin.isTTY ? [...texts] : await linesOf(host.stdin);
  if (inputs.length === 0) throw new CliError(exitCode.wrongUse, 'There is no text.', 'Try: tollgate embed "a text" --model openai/text-embedding-3-small');
  using tollgate = await openOrStart(host, console);
  const response = await tollgate.embed({ model: options.model, inputs, dimensions: options.dimensions });
  if (options.json === true) {
    await console.out.write(`${await canonicalJson('tollgate.v1.EmbedResponse', EmbedResponse.encode(response))}\n`);
    return exitCode.done;
  }
  for (const { values } of response.embeddings) await console.out.write(`${JSON.stringify(values)}\n`);
  if (options.quiet !== true) {
    const { inputTokens } = response.usage ?? {};
    console.say([response.responseModel || options.model, `${response.embeddings.length} × ${response.embeddings[0]?.values.length ?? 0}`, ...(inputTokens === undefined ? [] : [`tokens ${inputTokens} in`])].join(' · '), 'dim');
  }
  return exitCode.done;
}
