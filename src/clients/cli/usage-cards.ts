import type { Cost } from '../../gen/tollgate/v1/content.ts';
import type { Summary } from '../../gen/tollgate/v1/usage_service.ts';
import { costText } from './cost-text.ts';
import type { Paint } from './paint.ts';
import { inAndOut, rowCost } from './usage-row.ts';

/** Three of them fit into 80 columns. */
const CARD_WIDTH = 27;

interface Card {
  readonly title: string;
  readonly amount: string;
  readonly lines: readonly string[];
}

/** "98.2 %"; never rounded to 100 or to 0 where it is not. */
export function percent(rate: number): string {
  const tenths = Math.round(rate * 1000);
  const shown = rate < 1 && tenths === 1000 ? 999 : rate > 0 && tenths === 0 ? 1 : tenths;
  return `${shown % 10 === 0 ? shown / 10 : (shown / 10).toFixed(1)} %`;
}

function summaryCard(title: string, summary: Summary | undefined): Card {
  if (summary === undefined || summary.requestCount === 0n) return { title, amount: '-', lines: ['no requests', ''] };
  const { requestCount, successRate, cost, byProvider } = summary;
  const unknownCostCount = byProvider.reduce((sum, row) => sum + row.unknownCostCount, 0n);
  const requests = `${requestCount} request${requestCount === 1n ? '' : 's'}`;
  return {
    title,
    amount: rowCost({ cost, requestCount, unknownCostCount }),
    lines: [successRate === undefined ? requests : `${requests}, ${percent(successRate)} ok`, inAndOut(summary)],
  };
}

function projectedCard(cost: Cost | undefined, month: Summary | undefined): Card {
  const isKnown = month?.cost?.expectedPicoUsd !== undefined;
  const words = cost !== undefined ? 'for the whole month' : isKnown ? 'too early to say' : 'no cost is known';
  return { title: 'PROJECTED', amount: cost === undefined ? '-' : costText(cost), lines: [words, ''] };
}

/** Today, this month and where it is heading, side by side. */
export function usageCards(today: Summary | undefined, month: Summary | undefined, projected: Cost | undefined, paint: Paint): string {
  const cards = [summaryCard('TODAY', today), summaryCard('THIS MONTH', month), projectedCard(projected, month)];
  const line = (style: Parameters<Paint>[0] | undefined, pick: (card: Card) => string): string => {
    const texts = cards.map((card, at) => (at === cards.length - 1 ? pick(card) : pick(card).padEnd(CARD_WIDTH)));
    const end = texts.join('').trimEnd();
    return `${style === undefined ? end : paint(style, end)}\n`;
  };
  return [line('dim', ({ title }) => title), line('bold', ({ amount }) => amount), ...[0, 1].map((at) => line(undefined, ({ lines }) => lines[at] ?? ''))].join('');
}
