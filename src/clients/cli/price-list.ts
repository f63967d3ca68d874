import { GetPriceListResponse, type PriceList, PriceList_Source, ResetPriceListResponse, UpdatePriceListResponse } from '../../gen/tollgate/v1/usage_service.ts';
import { connect } from '../typescript/connect.ts';
import type { Tollgate } from '../typescript/tollgate.ts';
import { canonicalJson } from './canonical-json.ts';
import { CliError, exitCode } from './cli-error.ts';
import type { CliHost } from './cli-host.ts';
import type { Console } from './console.ts';
import { fileProblem } from './file-problem.ts';
import { formatDay, formatTime } from './format-time.ts';
import { interruptible } from './interrupt.ts';
import { openInput } from './read-generations.ts';

const count = (number: bigint): string => number.toLocaleString('en');

const size = ({ modelCount, providerCount }: PriceList): string => `${count(modelCount)} models of ${count(providerCount)} providers`;

function origin({ source, url, updateTime }: PriceList): string {
  if (source === PriceList_Source.BUNDLED) return `ships with Tollgate${updateTime === undefined ? '' : `, released ${formatDay(updateTime)}`}`;
  const when = updateTime === undefined ? '' : ` ${formatTime(updateTime)}`;
  return source === PriceList_Source.FETCHED ? `fetched${when} from ${url}` : `given as a file${when}`;
}

function listLines(list: PriceList): string[] {
  return [
    `price list  ${list.version}`,
    `from        ${origin(list)}`,
    `holds       ${size(list)}`,
    ...(list.sha256 === '' ? [] : [`sha-256     ${list.sha256}`]),
    'Nothing is fetched but by `tollgate prices update`.',
  ];
}

function changeLines({ priceList, previous }: UpdatePriceListResponse): string[] {
  if (priceList === undefined) return [];
  if (priceList.version === previous?.version) return [`${priceList.version} was in force already (${size(priceList)}): nothing has changed.`];
  return [`${priceList.version} is in force: ${size(priceList)}. Before: ${previous?.version ?? ''}.`, 'What was recorded keeps its cost.'];
}

type Text = { readonly json: () => Promise<string>; readonly lines: readonly string[] };

async function say(options: { readonly json?: boolean }, console: Console, { json, lines }: Text): Promise<number> {
  await console.out.write(options.json === true ? `${console.safe(await json())}\n` : console.safe(lines.map((line) => `${line}\n`).join('')));
  return exitCode.done;
}

/** Says which price list is in force. */
export async function showPriceList(options: { readonly json?: boolean }, host: CliHost, console: Console): Promise<number> {
  using tollgate = await connect({ environment: host.environment });
  const response = await tollgate.usage.priceList();
  const lines = response.priceList === undefined ? [] : listLines(response.priceList);
  return say(options, console, { json: () => canonicalJson('tollgate.v1.GetPriceListResponse', GetPriceListResponse.encode(response)), lines });
}

/** The daemon takes no more. */
const MAX_BYTES = 16 * 1024 * 1024;

async function readList(file: string, host: CliHost): Promise<Buffer> {
  const name = file === '-' ? 'Standard input' : file;
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of await openInput(file, host.stdin)) {
      const bytes = Buffer.from(chunk);
      chunks.push(bytes);
      length += bytes.length;
      if (length > MAX_BYTES) throw new CliError(exitCode.refused, `${name} is longer than ${MAX_BYTES} bytes: it is no price list.`);
    }
  } catch (error) {
    // What fails while it is read does not name the file.
    const problem = fileProblem(error, file);
    throw problem === undefined ? error : new CliError(exitCode.refused, problem);
  }
  if (length === 0) throw new CliError(exitCode.refused, `${name} is empty: it holds no price list.`);
  return Buffer.concat(chunks);
}

export interface UpdateOptions {
  readonly file?: string;
  readonly allowFewer?: boolean;
  readonly json?: boolean;
}

/** Lets the daemon fetch the price list, or gives it one. */
export function updatePriceList({ file, allowFewer = false, ...options }: UpdateOptions, host: CliHost, console: Console): Promise<number> {
  return change(options, host, console, async (tollgate, signal) => {
    const list = file === undefined ? { fetch: true } : { data: await readList(file, host) };
    const response = await tollgate.usage.updatePriceList({ ...list, allowFewer }, { signal });
    return { json: () => canonicalJson('tollgate.v1.UpdatePriceListResponse', UpdatePriceListResponse.encode(response)), lines: changeLines(response) };
  });
}

/** Goes back to the price list that ships. */
export function resetPriceList(options: { readonly json?: boolean }, host: CliHost, console: Console): Promise<number> {
  return change(options, host, console, async (tollgate, signal) => {
    const response = await tollgate.usage.resetPriceList({ signal });
    return { json: () => canonicalJson('tollgate.v1.ResetPriceListResponse', ResetPriceListResponse.encode(response)), lines: changeLines(response) };
  });
}

function change(options: { readonly json?: boolean }, host: CliHost, console: Console, step: (tollgate: Tollgate, signal: AbortSignal) => Promise<Text>): Promise<number> {
  return interruptible(async (signal) => {
    using tollgate = await connect({ environment: host.environment });
    const done = await console.spin('taking the price list');
    try {
      return await say(options, console, await step(tollgate, signal).finally(done));
    } catch (error) {
      if (signal.aborted) return exitCode.interrupted;
      throw error;
    }
  });
}
