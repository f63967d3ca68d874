import * as z from 'zod';

/** A provider instance; one of its keys stands behind a slash, nothing there is its default key. */
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}(\/([a-z0-9][a-z0-9._-]{0,63})?)?$/;

export const weightsSchema = z
  .record(z.string().regex(NAME, 'write a provider\'s name, or "provider/label" for one of its keys'), z.int().min(1, 'write a whole number from 1 to 1000').max(1000, 'write a whole number from 1 to 1000'))
  .default({})
  .describe('How work is spread, e.g. {"east": 3, "west": 1} over two providers that an alias names one after the other with the same model, or {"east/": 2, "east/work": 1} over the keys of one. The same client and labels stay where they are.');
