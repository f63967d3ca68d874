import { realpath } from 'node:fs/promises';
import type { Adapter } from 'lowdb';
import { isObject, type JsonObject } from '../../plugins/kit/json.ts';
import { writePrivateFile } from '../files/private-file.ts';
import { StartError } from '../start-error.ts';
import { ConfigError } from './config-error.ts';
import { parseConfig } from './load-config.ts';
import { MAX_CONFIG_BYTES, readConfigFile } from './read-config-file.ts';

/** JSON text as people read it, and as the file holds it. */
export const configText = (json: JsonObject): string => `${JSON.stringify(json, undefined, 2)}\n`;

/** What a link points to: it is written there, so that the link stays. */
async function targetOf(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch {
    return file;
  }
}

/** The config file for lowdb: read with its checks, written whole or not at all. Throws ConfigErrors. */
export function configFile(file: string): Adapter<JsonObject> {
  const refuse = (message: string): ConfigError => new ConfigError(file, [{ path: '', message }]);
  return {
    async read() {
      const text = await readConfigFile(file);
      if (text === undefined) return null;
      const json = parseConfig(text, file);
      if (!isObject(json)) throw refuse('this must be an object');
      return json;
    },
    async write(json) {
      const text = configText(json);
      if (Buffer.byteLength(text) > MAX_CONFIG_BYTES) throw refuse(`with this change it would be longer than ${MAX_CONFIG_BYTES} bytes`);
      try {
        await writePrivateFile(await targetOf(file), text);
      } catch (error) {
        throw error instanceof StartError ? refuse(error.message) : error;
      }
    },
  };
}
