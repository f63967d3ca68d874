import { ErrorClass, ProviderError, type EmbedRequest, type EmbedResponse } from '../provider.ts';

const notVectors = (what: string): ProviderError => new ProviderError(ErrorClass.INVALID_RESPONSE, `the provider's answer ${what}`);

/** Reads lists of numbers that stand in the order of the inputs. Throws when they are not one vector for each. */
export function vectorsOf(lists: readonly unknown[], { inputs, dimensions }: Pick<EmbedRequest, 'inputs' | 'dimensions'>): EmbedResponse['vectors'] {
  if (lists.length !== inputs.length) throw notVectors(`holds ${lists.length} vectors for ${inputs.length} texts`);
  return lists.map((list) => {
    if (!Array.isArray(list) || list.length === 0) throw notVectors('holds a vector that is no list of numbers');
    const values = list.filter((value) => typeof value === 'number');
    if (values.length !== list.length) throw notVectors('holds a vector that is no list of numbers');
    // Models that cannot shorten their vectors pass over the wish without a word.
    if (dimensions !== undefined && values.length !== dimensions) throw new ProviderError(ErrorClass.UNSUPPORTED, `dimensions: this model makes vectors of ${values.length} numbers here: leave the field out`, { code: 'dimensions', httpStatus: 200 });
    return { values };
  });
}
