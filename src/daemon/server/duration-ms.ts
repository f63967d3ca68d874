import type { Duration } from '../../gen/google/protobuf/duration.ts';

/** A span of the wire in milliseconds. */
export const durationMs = ({ seconds, nanos }: Duration): number => Number(seconds) * 1000 + nanos / 1e6;
