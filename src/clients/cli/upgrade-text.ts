import type { UpgradePrompt } from '../../gen/tollgate/v1/usage_service.ts';
import { formatDay, formatUntil } from './format-time.ts';

/** What would lift a limit, in lines for a person: waiting, another tier, a cheaper model. */
export function upgradeLines({ tier, resetsAt, tierThatWouldAllow, url, cheaperModels }: UpgradePrompt): string[] {
  const lines: string[] = [];
  if (resetsAt !== undefined) lines.push(`It begins anew ${formatUntil(resetsAt)} (${formatDay(resetsAt)}).`);
  if (tierThatWouldAllow !== '') lines.push(`The tier ${tierThatWouldAllow} would allow it${tier === '' ? '' : `; yours is ${tier}`}.`);
  if (cheaperModels.length > 0) lines.push(`Cheaper models that your tier allows: ${cheaperModels.join(', ')}.`);
  if (url !== '') lines.push(`Upgrade: ${url}`);
  return lines;
}
