import { FinishReason } from '../../gen/tollgate/v1/content.ts';
import type { Finish } from '../../gen/tollgate/v1/generate_service.ts';
import { formatDuration } from './format-duration.ts';
import { enumName } from './enum-name.ts';

/** Who answered and what it took, on one line: only what is known. */
export function usageLine(model: string, finish: Finish): string {
  const { inputTokens, outputTokens } = finish.usage ?? {};
  const tokens = [
    ...(inputTokens === undefined ? [] : [`${inputTokens} in`]),
    ...(outputTokens === undefined ? [] : [`${outputTokens} out`]),
  ];
  return [
    model,
    ...(tokens.length === 0 ? [] : [`tokens ${tokens.join(', ')}`]),
    ...(finish.duration === undefined ? [] : [formatDuration(finish.duration)]),
    ...(finish.finishReason === FinishReason.STOP ? [] : [enumName(FinishReason, finish.finishReason)]),
  ].join(' · ');
}
