import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Encrypter } from 'age-encryption';
import { describe, expect, it } from 'vitest';
import { GenerateServiceService as Generate } from '../../src/gen/tollgate/v1/generate_service.ts';
import { KeysServiceService as Keys, SetKeyRequest, ValidateKeyRequest } from '../../src/gen/tollgate/v1/keys_service.ts';
import { canaryFinder, canaryKey, canaryPrompt, type Canary } from './canary.ts';
import { goodKey, silence } from './canary-answers.ts';
import type { CallOptions } from './canary-client.ts';
import { badRequests } from './canary-requests.ts';
import { canaryScene, type CanaryScene } from './canary-scene.ts';
import { echoUpstream, http, type EchoAnswer, type EchoUpstream } from './canary-upstream.ts';
import { ask, temporaryHome, userSays } from './test-daemon.ts';

const lowercase = (prefix: string, name: string): Canary => {
  const { text, body } = canaryKey(prefix, name);
  return { text: text.toLowerCase(), body: body.toLowerCase() };
};

const stored = canaryKey('sk-proj-', 'stored');
const work = canaryKey('sk-proj-', 'work');
const candidate = canaryKey('sk-proj-', 'candidate');
/** One that could be a variable's name, one that could be a label or a provider's name, and one that could be neither. */
const pasted = [canaryKey('gsk_', 'pasted'), lowercase('sk-or-v1-', 'pasted'), canaryKey('sk-ant-api03-', 'pasted')];
const passphrase = canaryKey('pass phrase ', 'passphrase');

const find = canaryFinder([stored, work, candidate, ...pasted, passphrase]);

const configFor = ({ url }: EchoUpstream): object => ({ providers: { openai: { base_url: url, settings: { api: 'chat' } } } });
const setKey = (scene: CanaryScene, key: string, fields: Parameters<typeof SetKeyRequest.fromPartial>[0] = {}, options: CallOptions = {}) =>
  scene.client.call(Keys.setKey, SetKeyRequest.fromPartial({ provider: 'openai', key, ...fields }), options);
/** What failed before must not keep this one from being asked. */
const generate = async (scene: CanaryScene, fields: Parameters<typeof ask>[0] = {}, options: CallOptions = {}) => {
  await scene.client.call(Keys.resetHealth, { provider: '' });
  return scene.client.call(Generate.generate, ask({ model: 'openai/gpt-4o', messages: [userSays(canaryPrompt.text)], ...fields }), options);
};
const validate = (scene: CanaryScene, key: string | undefined, label = '') => scene.client.call(Keys.validateKey, ValidateKeyRequest.fromPartial({ provider: 'openai', label, key }));

const refused = (key: string): EchoAnswer => http({ status: 401, body: JSON.stringify({ error: { message: `Incorrect API key provided: ${key}` } }) });
const after = (ms: number): { seconds: bigint; nanos: number } => ({ seconds: 0n, nanos: ms * 1e6 });
/** The beginning of an answer, and nothing more. */
const begun = (key: string): EchoAnswer => ({
  bytes: `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-key: ${key}\r\n\r\ndata: ${JSON.stringify({ id: key, model: key, choices: [{ index: 0, delta: { content: 'hello' }, finish_reason: null }] })}\n\n: ${key}\n`,
  ending: 'hold',
});

/** A store with a passphrase that is quick to try. */
async function writeAgeFile(home: string): Promise<void> {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase.text);
  encrypter.setScryptWorkFactor(4);
  mkdirSync(join(home, 'state'), { mode: 0o700 });
  writeFileSync(join(home, 'state', 'keys.age'), await encrypter.encrypt(JSON.stringify({ version: 1, secrets: { openai: stored.text } })), { mode: 0o600 });
}

describe('a key', () => {
  it('that was pasted where none belongs comes out nowhere', { timeout: 120_000 }, async () => {
    const upstream = await echoUpstream();
    const scene = await canaryScene({ find, config: configFor(upstream) });
    upstream.play(goodKey);
    await scene.go('SetKey', 'OK', () => setKey(scene, stored.text));
    for (const [at, key] of pasted.entries()) {
      for (const { name, ends, call } of badRequests) await scene.go(`${name} (${at})`, ends, () => call(scene.client, key.text));
    }
    expect(scene.paths).toBe(1 + pasted.length * badRequests.length);
    expect(new Set(upstream.keys)).toEqual(new Set([stored.text]));
    scene.expectNothing();
  });

  it('comes out nowhere when it is refused, rotated, removed, locked away, or its call is cut short', { timeout: 120_000 }, async () => {
    const upstream = await echoUpstream();
    const scene = await canaryScene({ find, config: configFor(upstream) });
    const { go, client } = scene;
    const verdict = ({ responses: [response], reason }: Awaited<ReturnType<typeof validate>>): string => response?.reason || reason;

    upstream.play(refused);
    await go('SetKey of a refused key', 'KEY_REJECTED', () => setKey(scene, candidate.text));
    await go('ValidateKey of a refused key', 'KEY_REJECTED', () => validate(scene, candidate.text), verdict);
    upstream.play(silence);
    await go('SetKey while the provider is silent', 'DEADLINE', () => setKey(scene, candidate.text, {}, { deadline: 100 }));
    await go('SetKey that is given up', 'CANCELLED', () => setKey(scene, candidate.text, {}, { hangUp: () => true }));
    upstream.play((key) => http({ status: 503, body: key }));
    await go('SetKey while the provider is down', 'OK', () => setKey(scene, stored.text));
    await go('SetKey of a second key', 'OK', () => setKey(scene, work.text, { label: 'work', skipValidation: true }));

    upstream.play(refused);
    await go('Generate with two refused keys', 'KEY_REJECTED', () => generate(scene));
    expect(upstream.keys).toEqual([stored.text, work.text]);
    await go('Generate again', 'KEY_REJECTED', () => generate(scene));
    await go('ValidateKey of a stored key', 'KEY_REJECTED', () => validate(scene, undefined, 'work'), verdict);
    await go('ListModels with refused keys', 'OK', () => client.call(Generate.listModels, { provider: 'openai', filter: '', pageSize: 0, pageToken: '' }));

    upstream.play(silence);
    await go('Generate without a first token', 'FIRST_TOKEN_TIMEOUT', () => generate(scene, { routing: { firstTokenTimeout: after(50) } }));
    await go('Generate past its time', 'ATTEMPT_TIMEOUT', () => generate(scene, { routing: { attemptTimeout: after(50) } }));
    await go('Generate past its deadline', 'DEADLINE', () => generate(scene, {}, { deadline: 50 }));
    await go('Generate that is given up', 'CANCELLED', () => generate(scene, {}, { hangUp: (count) => count === 1 }));
    upstream.play(begun);
    await go('Generate that stops in its middle', 'IDLE_TIMEOUT', () => generate(scene, { routing: { idleTimeout: after(50) } }));
    await go('Generate that is given up in its middle', 'CANCELLED', () => generate(scene, {}, { hangUp: (count) => count === 2 }));

    await go('RemoveKey', 'OK', () => client.call(Keys.removeKey, { provider: 'openai', label: 'work' }));
    await go('RemoveKey again', 'KEY_MISSING', () => client.call(Keys.removeKey, { provider: 'openai', label: 'work' }));
    await go('Lock', 'OK', () => client.call(Keys.lock, {}));
    await go('SetKey while locked', 'KEYS_LOCKED', () => setKey(scene, candidate.text));
    await go('Generate while locked', 'KEYS_LOCKED', () => generate(scene));
    await go('Unlock with a passphrase that it has no use for', 'REQUEST_INVALID', () => client.call(Keys.unlock, { passphrase: candidate.text }));
    await go('Unlock', 'OK', () => client.call(Keys.unlock, { passphrase: '' }));
    await go('ListProviders', 'OK', () => client.call(Keys.listProviders, {}));
    upstream.play(refused);
    await go('Generate after that', 'KEY_REJECTED', () => generate(scene));
    scene.expectNothing();
  });

  it('and its passphrase come out nowhere when it is wrong', async () => {
    const upstream = await echoUpstream();
    const home = temporaryHome();
    await writeAgeFile(home);
    const { go, client, expectNothing } = await canaryScene({ find, home, config: configFor(upstream) });
    const unlock = (with_: string) => client.call(Keys.unlock, { passphrase: with_ });
    await go('Unlock with nothing', 'KEYS_LOCKED', () => unlock(''));
    await go('Unlock with the key', 'KEYS_LOCKED', () => unlock(stored.text));
    await go('Unlock with less', 'KEYS_LOCKED', () => unlock(passphrase.text.slice(0, -1)));
    await go('Unlock with more', 'KEYS_LOCKED', () => unlock(passphrase.text.repeat(40)));
    await go('Unlock', 'OK', () => unlock(passphrase.text));
    expectNothing();
  });

  it('that stands in a broken config file is in no log, and in no other file', async () => {
    const upstream = await echoUpstream();
    const scene = await canaryScene({ find, config: configFor(upstream) });
    const { configFile, daemonFile } = scene.daemon.environment.home;
    const good = readFileSync(configFile, 'utf8');
    const [key] = pasted;
    const broken = [`{"providers": {"openai": {"key": "${key?.text}" "x": 1}}}`, `{"version": 1,\n"key": ${key?.text}}`, `{"${key?.text}": 1}`, `{"providers": {"openai": {"settings": {"api": "${key?.text}"}}}}`, `${key?.text}`];
    for (const [at, text] of broken.entries()) {
      writeFileSync(configFile, text);
      await scene.heard('cannot be used; the one before stays in force', at + 1);
      expect(find(readFileSync(daemonFile))).toBeUndefined();
    }
    writeFileSync(configFile, good);
    await scene.heard('the config changed and is in force', 1);
    scene.expectNothing();
  });

  it('is there after kill -9 in the middle of storing others, and nowhere in the clear', { timeout: 120_000 }, async () => {
    const upstream = await echoUpstream();
    const scene = await canaryScene({ find, config: configFor(upstream) });
    upstream.play(goodKey);
    await scene.go('SetKey', 'OK', () => setKey(scene, stored.text));
    const others = Array.from({ length: 12 }, (_, at) => setKey(scene, work.text, { label: `work-${at}`, skipValidation: true }));
    await Promise.race(others);
    scene.daemon.child.kill('SIGKILL');
    expect(await scene.daemon.exit).toBe('SIGKILL');
    const ends = (await Promise.all(others)).map(({ reason }) => reason);
    expect(ends).toContain('OK');
    expect(ends).toContain('UNAVAILABLE');
    scene.expectNothing();

    const again = await canaryScene({ find, home: scene.home, config: configFor(upstream) });
    upstream.play((key) => http({ status: 402, body: key }));
    await again.go('Generate after the crash', 'PROVIDER_QUOTA_EXHAUSTED', () => generate(again));
    expect(upstream.keys[0]).toBe(stored.text);
    again.expectNothing();
  });
});
