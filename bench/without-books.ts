import { OPEN_USAGE, replaceModule } from './replace-module.ts';

/** `node --import …/without-books.ts bin/tollgated.js`: a daemon that counts, prices and writes down nothing. */
replaceModule(OPEN_USAGE, new URL('no-books.ts', import.meta.url));
