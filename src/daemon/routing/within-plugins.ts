import type { GenerateRequest } from '../../gen/tollgate/v1/generate_service.ts';
import { ProviderError } from '../../plugins/provider.ts';
import { passOver } from './pass-over.ts';
import type { Route } from './plan-route.ts';
import { isUnsupported, providerFailure } from './provider-failure.ts';
import { providerRequest } from './provider-request.ts';

/** Passes over whoever cannot honour a field of the request, as a call then does when it gets there. Nobody is called, and no plugin sees a key. */
export function withinPlugins(route: Route, request: GenerateRequest): Route {
  return passOver(route, (planned) => {
    try {
      planned.instance.provider.check?.(providerRequest(request, planned, undefined));
    } catch (error) {
      const failure = error instanceof ProviderError ? providerFailure(error, planned) : undefined;
      if (failure !== undefined && isUnsupported(failure)) return failure;
    }
    return undefined;
  });
}
