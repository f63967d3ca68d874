import { ConfigServiceService, type GetConfigResponse, type UpdateConfigResponse } from '../../gen/tollgate/v1/config_service.ts';
import { type CallOptions, unary } from './call.ts';
import type { Connection } from './connection.ts';

/** The config file, by way of the daemon. Every method needs the scope `admin`. */
export interface ConfigClient {
  /** The config in force and its file's path. */
  get(options?: CallOptions): Promise<GetConfigResponse>;
  /**
   * Takes the fields `paths`, e.g. "routing.local_only", from `configJson`, an object of the config file's shape; a field that it lacks is
   * removed. Without `paths` it replaces the config as a whole. Rejects with CONFIG_INVALID: then nothing is changed.
   */
  update(configJson: string, paths?: readonly string[], options?: CallOptions): Promise<UpdateConfigResponse>;
}

export function createConfigClient(connection: Connection): ConfigClient {
  return {
    get: (options) => unary(connection, ConfigServiceService.getConfig, {}, options),
    update: (configJson, paths = [], options = {}) => (
      unary(connection, ConfigServiceService.updateConfig, { configJson, updateMask: paths.length === 0 ? undefined : [...paths] }, options)
    ),
  };
}
