import { OPEN_USAGE, replaceModule } from './replace-module.ts';

/** `node --import …/time-books.ts bin/tollgated.js`: a daemon that notes how long its books hold a call up. At its end it writes that into the file of `BENCH_TIMES`. */
replaceModule(OPEN_USAGE, new URL('timed-books.ts', import.meta.url));
