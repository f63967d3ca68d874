import { waitForUpdate } from '@pydantic/genai-prices';

interface ListedModel {
  id: string;
  match: object;
  prices: unknown;
}

export interface ListedProvider {
  id: string;
  models: ListedModel[];
}

/** A list as it is published: the one that ships, in which `gpt-4o` of OpenAI costs this many dollars a million tokens. */
export async function publishedList(dollars: number, change: (providers: ListedProvider[]) => void = () => {}): Promise<string> {
  const providers = JSON.parse(JSON.stringify(await waitForUpdate())) as ListedProvider[];
  modelOf(providers, 'gpt-4o').prices = { input_mtok: dollars, output_mtok: dollars };
  change(providers);
  return JSON.stringify(providers);
}

export function modelOf(providers: readonly ListedProvider[], id: string): ListedModel {
  const model = providers.find((provider) => provider.id === 'openai')?.models.find((each) => each.id === id);
  if (model === undefined) throw new Error(`the list that ships has no ${id}`);
  return model;
}
