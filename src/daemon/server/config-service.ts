import type { GetConfigRequest, GetConfigResponse, UpdateConfigRequest, UpdateConfigResponse } from '../../gen/tollgate/v1/config_service.ts';
import { isObject, parseJson, type JsonObject } from '../../plugins/kit/json.ts';
import type { Config } from '../config/config.ts';
import type { ConfigChange, ConfigEditor, ConfigReplacement } from '../config/config-editor.ts';
import { ConfigError } from '../config/config-error.ts';
import { isConfigPath } from '../config/is-config-path.ts';
import { checkShape } from '../config/load-config.ts';
import { mergeField, namesOnPath } from '../config/merge-by-mask.ts';
import { needsRestart } from '../config/needs-restart.ts';
import { configFailure } from './config-failure.ts';
import type { CallScope } from './serve.ts';
import { Violations } from './violations.ts';

export interface ConfigServiceParts {
  readonly configEditor: ConfigEditor;
  /** The config that the daemon started with. */
  readonly initialConfig: Config;
}

const MAX_MASK_PATHS = 256;

async function pathsOf(mask: readonly string[]): Promise<readonly (readonly string[])[]> {
  const violations = new Violations();
  const paths: (readonly string[])[] = [];
  violations.check(mask.length <= MAX_MASK_PATHS, 'update_mask', `must have at most ${MAX_MASK_PATHS} paths`);
  for (const path of mask.slice(0, MAX_MASK_PATHS)) {
    const names = namesOnPath(path);
    const isThere = names !== undefined && (await isConfigPath(names));
    if (violations.check(isThere, 'update_mask', `"${path}" is no field of the config; write names with dots between, and one that holds a dot in backticks`) && names !== undefined) paths.push(names);
  }
  violations.throwIfAny();
  return paths;
}

async function changeOf(json: JsonObject, mask: readonly string[]): Promise<ConfigChange | ConfigReplacement> {
  if (mask.length === 0) return { replaceBy: json };
  const paths = await pathsOf(mask);
  // A misspelt field would be taken for one that is to be removed.
  await checkShape(json, 'config_json');
  return (held) => paths.reduce((merged, names) => mergeField(merged, json, names), held);
}

/** The ConfigService's handlers. */
export function configService({ configEditor, initialConfig }: ConfigServiceParts) {
  const { file } = configEditor;

  const getConfig = async (_request: GetConfigRequest): Promise<GetConfigResponse> => {
    try {
      return { configJson: await configEditor.read(), path: file };
    } catch (error) {
      throw configFailure(error);
    }
  };

  const updateConfig = async ({ configJson, updateMask = [] }: UpdateConfigRequest, { caller, log }: CallScope): Promise<UpdateConfigResponse> => {
    try {
      const json = parseJson(configJson);
      if (!isObject(json)) throw new ConfigError('config_json', [{ path: '', message: 'config_json must be the JSON text of an object' }]);
      const { text, config } = await configEditor.edit(await changeOf(json, updateMask));
      log.info({ rpc: 'UpdateConfig', client: caller.client, fields: updateMask }, 'changed the config');
      return { configJson: text, restartNeeded: needsRestart(config, initialConfig) };
    } catch (error) {
      throw configFailure(error);
    }
  };

  return { getConfig, updateConfig };
}
