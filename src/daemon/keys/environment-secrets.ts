import type { Variables } from '../../environment.ts';
import { Secret } from '../secret.ts';
import type { Secrets } from './secrets.ts';

/** Keys from the environment that the daemon was started with: used, never written down. */
export function environmentSecrets(variables: Variables): Secrets {
  return {
    async keysFor({ keyEnvNames }) {
      const value = keyEnvNames.map((name) => variables[name]?.trim()).find((text) => text !== undefined && text !== '');
      return value === undefined ? [] : [{ label: '', secret: new Secret(value), origin: 'environment' }];
    },
    judge() {},
  };
}
