import type { Manifest } from '../../plugins/provider.ts';
import type { JsonObject } from '../../plugins/kit/json.ts';
import { inTurn } from '../files/in-turn.ts';
import type { Config } from './config.ts';
import { configFile, configText } from './config-file.ts';
import type { ConfigStore } from './config-store.ts';
import { checkConfig } from './load-config.ts';
import { readConfigFile } from './read-config-file.ts';

/** Makes the new content of the file out of what it holds. Changes nothing in place. */
export type ConfigChange = (held: JsonObject) => JsonObject;

/** The file's new content, whatever it holds. */
export interface ConfigReplacement {
  readonly replaceBy: JsonObject;
}

export interface EditedConfig {
  readonly text: string;
  readonly config: Config;
}

/** Changes the config file for callers. */
export interface ConfigEditor {
  readonly file: string;
  /** What the file holds, as JSON text; "{}" when there is none. Throws a ConfigError for what is none. */
  read(): Promise<string>;
  /** What the config would be after a change. Throws a ConfigError. */
  preview(change: ConfigChange): Promise<Config>;
  /**
   * Changes the file: checked as a whole, written whole or not at all, in force when this returns. Changes that come at the same
   * time follow each other, so that none is lost. Throws a ConfigError.
   */
  edit(change: ConfigChange | ConfigReplacement): Promise<EditedConfig>;
}

export interface ConfigEditorOptions {
  readonly file: string;
  readonly manifests: readonly Manifest[];
  readonly store: Pick<ConfigStore, 'apply'>;
}

export function configEditor({ file, manifests, store }: ConfigEditorOptions): ConfigEditor {
  const turn = inTurn();
  const check = (json: JsonObject): Promise<Config> => checkConfig(json, file, manifests);
  const held = async (): Promise<JsonObject> => (await configFile(file).read()) ?? {};

  const edit = async (change: ConfigChange | ConfigReplacement): Promise<EditedConfig> => {
    const { Low } = await import('lowdb');
    const db = new Low<JsonObject>(configFile(file), {});
    if (typeof change === 'function') {
      await db.read();
      db.data = change(db.data);
    } else {
      // A file that is no JSON may be replaced, one that others can write to may not.
      await readConfigFile(file);
      db.data = change.replaceBy;
    }
    const config = await check(db.data);
    await db.write();
    store.apply(config);
    return { text: configText(db.data).trimEnd(), config };
  };

  return {
    file,
    read: async () => configText(await held()).trimEnd(),
    preview: async (change) => check(change(await held())),
    edit: (change) => turn(() => edit(change)),
  };
}
