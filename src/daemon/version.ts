import { readFileSync } from 'node:fs';
import { PACKAGE_ROOT } from '../package-root.ts';

/** The version of the package that this daemon belongs to. */
export const VERSION: string = (() => {
  const manifest: unknown = JSON.parse(readFileSync(new URL('package.json', PACKAGE_ROOT), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown';
})();
