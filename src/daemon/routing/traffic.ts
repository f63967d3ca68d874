import { systemClock, type Clock } from '../clock.ts';
import { Drains } from './drains.ts';
import { HealthBook } from './health-book.ts';
import { RetryBudget } from './retry-budget.ts';

/** What the generations of one daemon know of each other. */
export interface Traffic {
  readonly clock: Clock;
  readonly health: HealthBook;
  readonly retryBudget: RetryBudget;
  readonly drains: Drains;
  /** From 0 to 1. */
  readonly random: () => number;
}

export const newTraffic = (clock: Clock = systemClock, health: HealthBook = new HealthBook({ clock })): Traffic => ({ clock, health, retryBudget: new RetryBudget(clock), drains: new Drains(clock), random: Math.random });
