import { type Attempt, Attempt_Outcome, FinishReason, type TokenUsage } from '../../gen/tollgate/v1/content.ts';
import { type Generation, GetGenerationResponse, UsageSource } from '../../gen/tollgate/v1/usage_service.ts';
import { connect } from '../typescript/connect.ts';
import type { Tollgate } from '../typescript/tollgate.ts';
import { canonicalJson } from './canonical-json.ts';
import { CliError, exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { costText, costWithSource } from './cost-text.ts';
import { enumName } from './enum-name.ts';
import { formatDuration } from './format-duration.ts';
import { formatTime } from './format-time.ts';
import { formatTokens } from './money.ts';
import { inAndOut } from './usage-row.ts';

const SOURCES: Readonly<Record<number, string>> = {
  [UsageSource.REPORTED]: 'as the provider says',
  [UsageSource.METERED]: 'counted here',
  [UsageSource.ESTIMATED]: 'estimated from the text that came',
  [UsageSource.CRASH_ESTIMATED]: 'estimated after a crash',
};

/** The parts of input and output that are worth a word. */
const PARTS: readonly (readonly [keyof TokenUsage, string])[] = [
  ['cacheReadInputTokens', 'read from cache'],
  ['cacheCreationInputTokens', 'written to cache'],
  ['reasoningOutputTokens', 'reasoning'],
  ['audioInputTokens', 'audio in'],
  ['audioOutputTokens', 'audio out'],
  ['imageOutputTokens', 'images'],
  ['webSearchRequests', 'web searches'],
];

function tokens(usage: TokenUsage | undefined, source: UsageSource): string {
  const whole = inAndOut(usage ?? {});
  const parts = PARTS.flatMap(([field, words]) => {
    const count = usage?.[field];
    return count === undefined || count === 0n ? [] : [`${formatTokens(count)} ${words}`];
  });
  if (whole === '' && parts.length === 0) return 'not known';
  const pieces = [whole, parts.length === 0 ? '' : `(${parts.join(', ')})`].filter((piece) => piece !== '').join(' ');
  return source in SOURCES ? `${pieces}, ${SOURCES[source]}` : pieces;
}

function taken({ startTime, duration, timeToFirstToken }: Generation): string {
  return [
    startTime === undefined ? '' : formatTime(startTime),
    duration === undefined ? '' : `took ${formatDuration(duration)}`,
    timeToFirstToken === undefined ? '' : `first token after ${formatDuration(timeToFirstToken)}`,
  ].filter((piece) => piece !== '').join(', ');
}

const idOf = (provider: string, model: string): string => [provider, model].filter((piece) => piece !== '').join('/');

function ending({ finishReason, statusReason }: Generation): string {
  if (statusReason !== '') return `failed: ${statusReason}`;
  return finishReason === FinishReason.UNSPECIFIED ? 'ended well' : enumName(FinishReason, finishReason);
}

/** Each attempt on one line, and under it what went wrong there. */
function attemptLines(attempt: Attempt): string[] {
  const { outcome, reason, message, httpStatus, duration, usage, cost, keyLabel } = attempt;
  const facts = [
    enumName(Attempt_Outcome, outcome).toLowerCase(),
    outcome === Attempt_Outcome.SKIPPED || duration === undefined ? '' : formatDuration(duration),
    inAndOut(usage ?? {}),
    cost === undefined ? '' : costText(cost),
    keyLabel === '' ? '' : `key ${keyLabel}`,
  ].filter((fact) => fact !== '');
  const codes = [reason, httpStatus === 0 || outcome === Attempt_Outcome.SUCCEEDED ? '' : `HTTP ${httpStatus}`].filter((piece) => piece !== '').join(', ');
  const problem = [message, codes === '' ? '' : `(${codes})`].filter((piece) => piece !== '').join(' ');
  return [`${String(attempt.attempt).padStart(3)}  ${idOf(attempt.provider, attempt.model)}: ${facts.join(' · ')}`, ...(problem === '' ? [] : [`     ${problem}`])];
}

/** All that is known of a settled generation, in lines for a person. */
export function generationText(generation: Generation): string {
  const { generationId, client, model, provider, responseModel, usage, usageSource, cost, labels, attempts, embedding } = generation;
  const answered = idOf(provider, responseModel);
  const rows: [string, string][] = [
    [embedding ? 'embedding' : 'generation', generationId],
    ['client', client],
    ['asked for', answered === '' || answered === model ? model : `${model} → ${answered}`],
    ['when', taken(generation)],
    ['ended', ending(generation)],
    ['tokens', tokens(usage, usageSource)],
    ['cost', costWithSource(cost)],
    ['labels', Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(' ')],
  ];
  const facts = rows.filter(([, value]) => value !== '').map(([name, value]) => `${name.padEnd(10)}  ${value}`);
  const tried = attempts.length === 0 ? [] : ['', 'attempts', ...attempts.flatMap(attemptLines)];
  return [...facts, ...tried].map((line) => `${line}\n`).join('');
}

/** The generation that ended last. */
async function lastOf({ usage }: Tollgate): Promise<Generation> {
  for await (const generation of usage.list()) return generation;
  throw new CliError(exitCode.refused, 'No generation has been settled yet that you may see.');
}

/** Unset is the generation that ended last. */
export async function why(generationId: string | undefined, options: { readonly json?: boolean }, host: CliHost, console: Console): Promise<number> {
  using tollgate = await connect({ environment: host.environment });
  const generation = await (generationId === undefined ? lastOf(tollgate) : tollgate.usage.get(generationId));
  if (options.json === true) {
    await console.out.write(`${console.safe(await canonicalJson('tollgate.v1.GetGenerationResponse', GetGenerationResponse.encode({ generation })))}\n`);
    return exitCode.done;
  }
  await console.out.write(console.safe(generationText(generation)));
  return exitCode.done;
}
