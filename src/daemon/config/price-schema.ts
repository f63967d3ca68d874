import * as z from 'zod';

/** The most that one piece may cost: a million US dollars. */
const amount = z
  .string('write US dollars as text, e.g. "0.25"')
  .regex(/^\d{1,7}(\.\d{1,18})?$/, 'write US dollars as a decimal number, e.g. "0.25"')
  .optional();

const perMillion = (what: string) => amount.describe(`US dollars for a million tokens ${what}.`);

const price = z
  .strictObject({
    input: perMillion('of fresh input'),
    output: perMillion('of output'),
    cache_read: perMillion("of input read from the provider's cache. When absent: as input"),
    cache_creation: perMillion("of input written to the provider's cache. When absent: as input"),
    cache_creation_1h: perMillion('of input written there for an hour. When absent: as cache_creation'),
    reasoning: perMillion('of reasoning. When absent: as output'),
    audio_input: perMillion('of audio input. When absent: as input'),
    audio_output: perMillion('of audio output. When absent: as output'),
    image_output: perMillion('of images in the output. When absent: as output'),
    request: amount.describe('US dollars for one request, beside its tokens.'),
    web_search: amount.describe('US dollars for one web search of the provider.'),
  })
  .refine((prices) => Object.values(prices).some((each) => each !== undefined), 'name at least one price, e.g. { "input": "0.25", "output": "1" }');

/** The config's own prices. */
export const pricesSchema = z
  .record(z.string().regex(/^[^/]+\/.+$/, 'name a model as "provider/model", with the name of the instance; * in it stands for anything'), price)
  .default({})
  .describe('Prices that count before every list, by "provider/model"; * stands for anything, an exact name wins over it.');
