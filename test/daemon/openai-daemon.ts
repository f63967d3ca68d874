import { adminDaemon, type AdminDaemon, type AdminDaemonOptions } from './admin-daemon.ts';
import { keyedUpstream, type KeyedUpstream } from './keyed-upstream.ts';
import { ask, generate } from './test-daemon.ts';

/** What the tests of keys ask for. */
export const request = ask({ model: 'openai/gpt-4o' });

export const reasonOf = async (daemon: AdminDaemon): Promise<string | undefined> => (await generate(daemon, request)).failure?.reason;

/** A daemon whose OpenAI is ours, and knows its keys. */
export async function withUpstream({ config, ...options }: AdminDaemonOptions = {}): Promise<{ daemon: AdminDaemon; upstream: KeyedUpstream }> {
  const upstream = await keyedUpstream();
  const daemon = await adminDaemon({ config: { ...config, providers: { openai: { base_url: upstream.url } } }, ...options });
  return { daemon, upstream };
}
