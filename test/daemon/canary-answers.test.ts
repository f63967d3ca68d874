import { describe, expect, it } from 'vitest';
import { EmbedRequest, GenerateServiceService as Generate, type ListModelsResponse } from '../../src/gen/tollgate/v1/generate_service.ts';
import { KeysServiceService as Keys, SetKeyRequest, ValidateKeyRequest, type ValidateKeyResponse } from '../../src/gen/tollgate/v1/keys_service.ts';
import { canaryFinder, canaryPrompt } from './canary.ts';
import { brokenEchoes, errorEchoes, everyWriting, goodKey, listEcho, textEchoes, vectorEcho, wordEchoes, type Echo } from './canary-answers.ts';
import type { Ended } from './canary-client.ts';
import { PROVIDERS, providersAt, type EchoedProvider } from './canary-providers.ts';
import { canaryScene, type CanaryScene } from './canary-scene.ts';
import { echoUpstream, type EchoUpstream } from './canary-upstream.ts';
import { ask, userSays } from './test-daemon.ts';

const find = canaryFinder(PROVIDERS.map(({ key }) => key));

/** Goes one path of one provider, which must have been asked with the canary. */
type Go = <Response>(what: string, echo: Echo, call: () => Promise<Ended<Response>>, reasonOf?: (ended: Ended<Response>) => string) => Promise<void>;

const goer = ({ name, key }: EchoedProvider, upstream: EchoUpstream, scene: CanaryScene): Go => async (what, { name: how, ends, answer }, call, reasonOf) => {
  upstream.play(answer);
  const path = `${what} of ${name}: ${how}`;
  await scene.go(path, ends, call, reasonOf);
  expect({ path, keys: new Set(upstream.keys) }).toEqual({ path, keys: new Set([key.text]) });
};

const firstUnlisted = ({ reason, responses }: Ended<ListModelsResponse>): string => responses[0]?.unlistedProviders[0]?.reason ?? reason;
const verdictOf = ({ reason, responses }: Ended<ValidateKeyResponse>): string => responses[0]?.reason || reason;

/** What is said of a key when an answer is no verdict on it. */
const asVerdict = (echo: Echo): Echo => (echo.ends === 'KEY_REJECTED' ? echo : { ...echo, ends: 'PROVIDER_UNAVAILABLE' });

/** One of so many: the providers take turns. */
const oneOf = (many: number, echoes: readonly Echo[], turn: number): readonly Echo[] => echoes.filter((_echo, at) => (at + turn) % many === 0);
const some = (turn: number): readonly Echo[] => oneOf(4, [...errorEchoes(turn), ...brokenEchoes], turn);

async function goAll(provider: EchoedProvider, at: number, upstream: EchoUpstream, scene: CanaryScene): Promise<void> {
  const { client } = scene;
  const { name, key } = provider;
  const model = `${name}/${provider.model}`;
  const go = goer(provider, upstream, scene);
  const good: Echo = { name: 'a good key', ends: 'OK', answer: goodKey };
  await go('SetKey', good, () => client.call(Keys.setKey, SetKeyRequest.fromPartial({ provider: name, key: key.text })));

  const generate = () => client.call(Generate.generate, ask({ model, messages: [userSays(canaryPrompt.text)] }));
  const answers = [...oneOf(2, errorEchoes(at), at), ...brokenEchoes, ...textEchoes(provider.type === 'ollama'), ...wordEchoes(provider.text, at, provider.sealed), ...wordEchoes(provider.toolCall, at, provider.sealed)];
  for (const echo of answers) await go('Generate', echo, generate);

  const list = () => client.call(Generate.listModels, { provider: name, filter: '', pageSize: 0, pageToken: '' });
  for (const echo of some(at)) await go('ListModels', echo, list, firstUnlisted);
  await go('ListModels', { name: 'models that are called like the key', ends: 'OK', answer: listEcho }, list);

  const validate = () => client.call(Keys.validateKey, ValidateKeyRequest.fromPartial({ provider: name, key: key.text }));
  for (const echo of some(at + 1)) await go('ValidateKey', asVerdict(echo), validate, verdictOf);

  if (!provider.embeds) return;
  const embed = () => client.call(Generate.embed, EmbedRequest.fromPartial({ model, inputs: [canaryPrompt.text] }));
  for (const echo of some(at + 2)) await go('Embed', echo, embed);
  await go('Embed', { name: 'a model that is called like the key', ends: 'OK', answer: vectorEcho }, embed);
}

describe('a key that its provider uses in its answers', () => {
  it('comes out nowhere, whatever the provider is, the answer, and the writing', { timeout: 120_000 }, async () => {
    const upstreams = new Map(await Promise.all(PROVIDERS.map(async ({ name }) => [name, await echoUpstream()] as const)));
    const upstreamOf = (name: string): EchoUpstream => upstreams.get(name) ?? expect.fail(`no upstream for ${name}`);
    const scene = await canaryScene({ find, config: { providers: providersAt((name) => upstreamOf(name).url) } });
    await Promise.all(PROVIDERS.map((provider, at) => goAll(provider, at, upstreamOf(provider.name), scene)));

    // Its key has the signs that are written in other ways.
    const provider = PROVIDERS.find(({ name }) => name === 'openai-compatible') ?? expect.fail('it is one of them');
    const go = goer(provider, upstreamOf(provider.name), scene);
    for (const echo of everyWriting()) await go('Generate', echo, () => scene.client.call(Generate.generate, ask({ model: 'openai-compatible/m' })));

    scene.expectNothing();
    expect(scene.paths).toBeGreaterThan(1500);
  });
});
