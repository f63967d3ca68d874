import type { TokenUsage } from '../../../gen/tollgate/v1/content.ts';
import type { Bucket } from './price.ts';

/** Tokens by bucket: each in one. */
export type Counts = Readonly<Partial<Record<Bucket, bigint>>>;

/** The tokens of one direction, by bucket. */
export interface Split {
  /** As they most likely are. */
  readonly counts: Counts;
  /** Another way in which the same counts can be meant; undefined when there is none. */
  readonly otherwise: Counts | undefined;
  /**
   * All tokens when the parts come to more than their whole, so that it cannot be told whether they stand in it or beside it; undefined when all is
   * consistent.
   */
  readonly contradiction: { readonly whole: bigint; readonly withParts: bigint } | undefined;
}

const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const atLeastZero = (count: bigint): bigint => (count < 0n ? 0n : count);
const sum = (counts: readonly bigint[]): bigint => counts.reduce((total, count) => total + count, 0n);

/** A count of a whole. A negative one, which only a broken plugin sends, is not known. */
export const countOf = (count: bigint | undefined): bigint | undefined => (count === undefined || count < 0n ? undefined : count);

/** A count of a part. One that the provider does not give beside its whole is of a part that it does not bill apart. */
export const partOf = (count: bigint | undefined): bigint => countOf(count) ?? 0n;

/**
 * The input in buckets. How much of the sound was read from the cache nobody says: as little as fits the counts most likely, and otherwise as much as
 * fits.
 */
export function splitInput(usage: TokenUsage, whole: bigint): Split {
  const read = partOf(usage.cacheReadInputTokens);
  const for1h = partOf(usage.cacheCreation1hInputTokens);
  // Where only the hour's part is given, it is the whole of it.
  const created = usage.cacheCreationInputTokens === undefined ? for1h : partOf(usage.cacheCreationInputTokens);
  const audio = partOf(usage.audioInputTokens);
  const for5m = atLeastZero(created - for1h);
  const split = (cachedAudio: bigint): Counts => ({
    input: atLeastZero(whole - read - for5m - for1h - audio + cachedAudio),
    cacheRead: read - cachedAudio,
    cacheCreation: for5m,
    cacheCreation1h: for1h,
    audioInput: audio - cachedAudio,
    cachedAudioInput: cachedAudio,
  });
  const most = smaller(audio, read);
  const fewest = atLeastZero(read + for5m + for1h + audio - whole);
  if (for1h > created || fewest > most) {
    return { counts: split(0n), otherwise: undefined, contradiction: { whole, withParts: sum([whole, read, for5m, for1h, audio]) } };
  }
  return { counts: split(fewest), otherwise: fewest === most ? undefined : split(most), contradiction: undefined };
}

/** The output in buckets. */
export function splitOutput(usage: TokenUsage, whole: bigint): Split {
  const parts = { reasoning: partOf(usage.reasoningOutputTokens), audioOutput: partOf(usage.audioOutputTokens), imageOutput: partOf(usage.imageOutputTokens) };
  const inParts = sum(Object.values(parts));
  return {
    counts: { output: atLeastZero(whole - inParts), ...parts },
    otherwise: undefined,
    contradiction: inParts > whole ? { whole, withParts: whole + inParts } : undefined,
  };
}
