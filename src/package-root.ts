import { existsSync } from 'node:fs';

/** The folder that holds package.json, proto/ and bin/: of the checkout, or of what npm installed. */
export const PACKAGE_ROOT: URL = (() => {
  // From a source, a built file or a chunk of a bundle: they lie at different depths.
  for (let folder = new URL('.', import.meta.url); ; folder = new URL('..', folder)) {
    if (existsSync(new URL('package.json', folder))) return folder;
    if (folder.pathname === '/') throw new Error('the files of the package tollgate are not complete: package.json is missing');
  }
})();

/** Everything in proto/ as one descriptor set, made by `npm run gen`. */
export const DESCRIPTORS = new URL('proto/descriptors.binpb', PACKAGE_ROOT);
