import { Cost_Provenance } from '../../gen/tollgate/v1/content.ts';
import { GetPriceResponse, type Price } from '../../gen/tollgate/v1/usage_service.ts';
import { connect } from '../typescript/connect.ts';
import { canonicalJson } from './canonical-json.ts';
import { exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { formatTokens } from './money.ts';

const TOKENS: readonly (readonly [keyof Price, string])[] = [
  ['inputPicoUsd', 'input'],
  ['cacheReadPicoUsd', 'input read from cache'],
  ['cacheCreationPicoUsd', 'input written to cache'],
  ['cacheCreation1hPicoUsd', 'input cached for 1 h'],
  ['outputPicoUsd', 'output'],
  ['audioInputPicoUsd', 'audio input'],
  ['audioOutputPicoUsd', 'audio output'],
];

const PIECES: readonly (readonly [keyof Price, string])[] = [['requestPicoUsd', 'each request'], ['webSearchPicoUsd', 'each web search']];

/** People compare prices by the million. */
const MILLION = 1_000_000n;

const PICO_PER_USD = 10n ** 12n;

/** A price to its last place, which a sum may leave out: "$1.25", "$0.0375". */
export function exactMoney(picoUsd: bigint): string {
  const places = String(picoUsd % PICO_PER_USD).padStart(12, '0').replace(/0{1,10}$/, '');
  return `$${picoUsd / PICO_PER_USD}.${places}`;
}

/** What is not said of its own costs what this costs; only a price that differs is worth a line. */
const USUAL: Readonly<Partial<Record<keyof Price, keyof Price>>> = { cacheReadPicoUsd: 'inputPicoUsd', cacheCreationPicoUsd: 'inputPicoUsd', cacheCreation1hPicoUsd: 'cacheCreationPicoUsd' };

function priceLines(price: Price): string[] {
  const lines = (fields: typeof TOKENS, times: bigint, unit: string): [string, string][] => fields.flatMap(([field, name]) => {
    const amount = price[field];
    const usual = USUAL[field];
    return amount === undefined || (usual !== undefined && price[usual] === amount) ? [] : [[name, `${exactMoney(amount * times)}${unit}`]];
  });
  const rows = [...lines(TOKENS, MILLION, ' per million tokens'), ...lines(PIECES, 1n, '')];
  const above = price.tierFromInputTokens;
  return [
    ...rows.map(([name, amount]) => `${name.padEnd(22)}  ${amount}`),
    ...(above === undefined ? [] : [`Above ${formatTokens(above)} input tokens other prices hold.`]),
  ];
}

function source({ provenance, priceVersion, listedAs, model }: GetPriceResponse): string {
  if (provenance === Cost_Provenance.FREE) return 'free: it runs on this machine';
  if (provenance !== Cost_Provenance.PRICED) return 'no price is known. Set one in the config under "prices".';
  const name = listedAs === '' || listedAs === model ? '' : `, as ${listedAs}`;
  return `in the price list${priceVersion === '' ? '' : ` ${priceVersion}`}${name}`;
}

export async function prices(model: string, options: { readonly json?: boolean }, host: CliHost, console: Console): Promise<number> {
  using tollgate = await connect({ environment: host.environment });
  const response = await tollgate.usage.price(model);
  if (options.json === true) {
    await console.out.write(`${console.safe(await canonicalJson('tollgate.v1.GetPriceResponse', GetPriceResponse.encode(response)))}\n`);
    return exitCode.done;
  }
  const lines = [`${response.provider}/${response.model}: ${source(response)}`, ...(response.price === undefined ? [] : priceLines(response.price))];
  await console.out.write(console.safe(lines.map((line) => `${line}\n`).join('')));
  return exitCode.done;
}
