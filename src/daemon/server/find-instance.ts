import { nearest } from '../config/provider-issues.ts';
import { Failure } from '../failure.ts';
import type { ProviderInstance } from '../plugins/provider-instance.ts';
import type { Registry } from '../plugins/registry.ts';

/** The configured provider of this name. Throws PROVIDER_NOT_FOUND. */
export function findInstance({ instances }: Registry, name: string): ProviderInstance {
  const configured = instances.get(name);
  if (configured !== undefined) return configured;
  const near = nearest(name.slice(0, 64), [...instances.keys()]);
  throw new Failure('PROVIDER_NOT_FOUND', `there is no provider "${name.slice(0, 64)}"${near === undefined ? '' : `; did you mean "${near}"?`}`, { metadata: { provider: name.slice(0, 64) } });
}
