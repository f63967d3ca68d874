import { ListModelsResponse, type Model, type UnlistedProvider } from '../../gen/tollgate/v1/generate_service.ts';
import { connect } from '../typescript/connect.ts';
import { canonicalJson } from './canonical-json.ts';
import { exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { table } from './table.ts';

export interface ModelsOptions {
  readonly provider?: string;
  readonly json?: boolean;
  /** Says why each provider that is not ready is not. */
  readonly verbose?: boolean;
}

/** Whether a name says no more than the id, with or without its provider. */
function repeats(name: string, id: string): boolean {
  return name === id || id.endsWith(`/${name}`);
}

function row({ id, displayName, contextWindow, capabilities, inputModalities }: Model): string[] {
  const reads = inputModalities.filter((modality) => modality !== 'text').map((modality) => `reads ${modality}`);
  return [id, repeats(displayName, id) ? '' : displayName, contextWindow === undefined ? '' : String(contextWindow), [...capabilities, ...reads].join(', ')];
}

const columns = [{ head: 'MODEL' }, { head: 'NAME' }, { head: 'CONTEXT', align: 'right' }, { head: 'CAN' }] as const;

function sayUnlisted(all: readonly UnlistedProvider[], options: ModelsOptions, console: Console): void {
  if (options.verbose === true || options.provider !== undefined) {
    for (const { provider, reason, message } of all) {
      const who = message.startsWith(`${provider}:`) ? '' : `${provider}: `;
      console.say(`${who}${message} (${reason})`, 'dim');
    }
    return;
  }
  // It is a kind of provider, which is one only once the config says where.
  const waiting = all.filter(({ reason, message }) => reason !== 'SETTING_MISSING' || !message.includes('base_url'));
  if (waiting.length > 0) console.say(`not ready: ${waiting.map(({ provider, reason }) => `${provider} (${reason})`).join(', ')}`, 'dim');
}

export async function models(filter: string | undefined, options: ModelsOptions, host: CliHost, console: Console): Promise<number> {
  using tollgate = await connect({ environment: host.environment });
  const list = await tollgate.listModels({ filter, provider: options.provider });
  if (options.json === true) {
    const message = ListModelsResponse.encode(ListModelsResponse.fromPartial(list));
    await console.out.write(`${console.safe(await canonicalJson('tollgate.v1.ListModelsResponse', message))}\n`);
    return exitCode.done;
  }
  if (list.models.length > 0) await console.out.write(console.safe(await table(columns, list.models.map(row))));
  else console.say('tollgate: no model to show.');
  sayUnlisted(list.unlistedProviders, options, console);
  return exitCode.done;
}
