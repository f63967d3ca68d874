import type { UsageChoice } from '../typescript/usage-client.ts';

/** The options of a command that choose which generations count. */
export interface ChoiceOptions {
  readonly since?: Date;
  readonly until?: Date;
  readonly client?: string;
  readonly provider?: string;
  readonly model?: string;
  /** `name=value` each. */
  readonly label?: Readonly<Record<string, string>>;
}

export const choiceOf = ({ since, until, client = '', provider = '', model = '', label = {} }: ChoiceOptions): UsageChoice => ({
  client, provider, model, labels: label, ...(since === undefined ? {} : { startTime: since }), ...(until === undefined ? {} : { endTime: until }),
});
