import { ListGenerationsResponse, type ListGenerationsRequest } from '../../gen/tollgate/v1/usage_service.ts';
import { invalidRequest } from '../failure.ts';
import type { UsageBook, Who } from '../usage/usage-book.ts';

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;
/** No response of ours is larger. */
const MAX_PAGE_BYTES = 1024 * 1024;

/** One page of settled generations. It has fewer than were asked for when they would be too large together. */
export async function listPage({ filter, pageSize, pageToken }: ListGenerationsRequest, book: UsageBook, who: Who, signal: AbortSignal): Promise<ListGenerationsResponse> {
  if (pageSize < 0 || pageSize > MAX_PAGE) throw invalidRequest([{ field: 'page_size', description: `must be from 1 to ${MAX_PAGE}, or 0 for ${DEFAULT_PAGE}` }]);
  for (let size = pageSize === 0 ? DEFAULT_PAGE : pageSize; ; size = Math.ceil(size / 2)) {
    const { generations, nextPageToken } = await book.list(filter, { size, token: pageToken }, who);
    signal.throwIfAborted();
    const response = { generations: [...generations], nextPageToken };
    if (generations.length <= 1 || ListGenerationsResponse.encode(response).finish().length <= MAX_PAGE_BYTES) return response;
  }
}
