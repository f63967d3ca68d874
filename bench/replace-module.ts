import { registerHooks } from 'node:module';

/** Lets every import of a source file mean another one; but for that other one's own. The product needs no switch for what only a bench wants. */
export function replaceModule(ending: string, replacement: URL): void {
  registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      return found.url.endsWith(ending) && context.parentURL !== replacement.href ? { ...found, url: replacement.href } : found;
    },
  });
}

/** The one door to the books. */
export const OPEN_USAGE = '/src/daemon/usage/open-usage.ts';
