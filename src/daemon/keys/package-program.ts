import { PACKAGE_ROOT } from '../../package-root.ts';

/** Where a program of this folder lies that runs beside the daemon: the source in a checkout, else what `tools/build.ts` made of it. */
export const packageProgram = (name: 'age-worker' | 'keychain-process'): URL =>
  import.meta.url.endsWith('.ts') ? new URL(`./${name}.ts`, import.meta.url) : new URL(`dist/daemon/keys/${name}.js`, PACKAGE_ROOT);
