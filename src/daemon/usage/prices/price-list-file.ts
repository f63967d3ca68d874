import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isObject, stringOf } from '../../../plugins/kit/json.ts';
import { syncDirectory } from '../../files/private-file.ts';
import { openPrivateJson, setAside, type PrivateJson } from '../../files/private-json.ts';
import type { Logger } from '../../logger.ts';
import type { CatalogueProvider } from './catalogue.ts';
import { listOf, type Origin, type PriceList } from './price-list.ts';
import type { ListedProvider } from './price-list-schema.ts';
import { MAX_PRICE_LIST_BYTES } from './read-price-list.ts';

/** `state/prices.json`: the list that was taken instead of the one that ships. */
export interface PriceListFile {
  /** What it held when it was opened; undefined is the list that ships. */
  readonly initial: PriceList | undefined;
  /** On the disk when it resolves. Throws a StartError. */
  write(providers: readonly ListedProvider[], origin: Origin): Promise<void>;
  /** Gone from the disk when it resolves. Throws the system's error. */
  remove(): Promise<void>;
}

/** Indented, as it is written, it is longer than it came. */
const MAX_BYTES = 4 * MAX_PRICE_LIST_BYTES;

const checksumOf = (body: unknown): string => createHash('sha256').update(JSON.stringify(body)).digest('base64url');

function readOrigin(origin: unknown): Origin | undefined {
  if (!isObject(origin)) return undefined;
  const [version, url, sha256, time] = ['version', 'url', 'sha256', 'time'].map((name) => stringOf(origin[name]));
  const { source } = origin;
  const at = new Date(time ?? '');
  if (version === undefined || url === undefined || sha256 === undefined || Number.isNaN(at.getTime()) || (source !== 'fetched' && source !== 'given')) return undefined;
  return { version, source, url, sha256, time: at };
}

const isProvider = (value: unknown): value is CatalogueProvider => isObject(value) && typeof value['id'] === 'string' && Array.isArray(value['models']);

/** It was checked whole when it came: the checksum says that it is that one still. */
function read(json: unknown): PriceList | undefined {
  if (!isObject(json) || !isObject(json['body']) || checksumOf(json['body']) !== json['checksum']) return undefined;
  const origin = readOrigin(json['body']['origin']);
  const providers: unknown = json['body']['providers'];
  return origin === undefined || !Array.isArray(providers) || !providers.every(isProvider) ? undefined : listOf(providers, origin);
}

/** Opens it. One that cannot be used is put aside, with a warning: then the list that ships counts. Never throws for what stands there. */
export async function openPriceListFile(path: string, log: Logger): Promise<PriceListFile> {
  const onSetAside = (aside: string): void => log.warn({ aside }, 'the price list that was taken is damaged: it is put aside, and the list that ships counts. Take it again with `tollgate prices update`');
  const open = (): Promise<PrivateJson<PriceList>> => openPrivateJson(path, { parse: read, maxBytes: MAX_BYTES, onSetAside });
  const opened = await open().catch(async (error: unknown) => {
    const aside = await setAside(path).catch(() => undefined);
    log.warn({ err: error, aside }, 'the price list that was taken cannot be read: the list that ships counts');
    return undefined;
  });
  return {
    initial: opened?.initial,
    async write(providers, origin) {
      const body = { origin: { ...origin, time: origin.time.toISOString() }, providers };
      await (opened ?? (await open())).write(() => ({ version: 1, checksum: checksumOf(body), body }));
    },
    async remove() {
      await rm(path, { force: true });
      await syncDirectory(dirname(path));
    },
  };
}
