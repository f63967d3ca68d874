import type { Provider } from './provider.ts';

/** Every plugin that ships, one line each. */
export const shipped: readonly Provider[] = [];
