import { Cost_Provenance, FinishReason } from '../../gen/tollgate/v1/content.ts';
import type { Finish } from '../../gen/tollgate/v1/generate_service.ts';
import { costText } from './cost-text.ts';
import { formatDuration } from './format-duration.ts';
import { enumName } from './enum-name.ts';

/** Who answered and what it took, on one line: only what is known. */
export function usageLine(model: string, finish: Finish): string {
  const { inputTokens, outputTokens } = finish.usage ?? {};
  const tokens = [
    ...(inputTokens === undefined ? [] : [`${inputTokens} in`]),
    ...(outputTokens === undefined ? [] : [`${outputTokens} out`]),
  ];
  const isCostKnown = finish.cost?.expectedPicoUsd !== undefined || finish.cost?.provenance === Cost_Provenance.FREE;
  return [
    model,
    ...(tokens.length === 0 ? [] : [`tokens ${tokens.join(', ')}`]),
    ...(isCostKnown ? [costText(finish.cost)] : []),
    ...(finish.duration === undefined ? [] : [formatDuration(finish.duration)]),
    ...(finish.finishReason === FinishReason.STOP ? [] : [enumName(FinishReason, finish.finishReason)]),
  ].join(' · ');
}
