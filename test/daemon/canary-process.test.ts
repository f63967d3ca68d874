import { mkdirSync, readdirSync, readFileSync, readlinkSync, watch } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GenerateServiceService as Generate } from '../../src/gen/tollgate/v1/generate_service.ts';
import { KeysServiceService as Keys, SetKeyRequest, ValidateKeyRequest } from '../../src/gen/tollgate/v1/keys_service.ts';
import { canaryFinder, canaryKey, canaryPrompt, type Finder } from './canary.ts';
import { goodKey } from './canary-answers.ts';
import { findInFiles, processTree } from './canary-places.ts';
import { canaryScene, type CanaryScene } from './canary-scene.ts';
import { echoUpstream, http } from './canary-upstream.ts';
import { missingPrograms, secretService } from './keys/secret-service.ts';
import { ask, temporaryHome, userSays } from './test-daemon.ts';

const openai = canaryKey('sk-proj-', 'openai of the environment');
const groq = canaryKey('gsk_', 'groq of the environment');
const signing = canaryKey('', 'signing secret of the environment');
const stored = canaryKey('sk-', 'stored');
const find = canaryFinder([openai, groq, signing, stored]);
const linux = process.platform === 'linux';

const generate = ({ client }: CanaryScene, provider: string) => client.call(Generate.generate, ask({ model: `${provider}/gpt-4o`, messages: [userSays(canaryPrompt.text)] }));
const setKey = ({ client }: CanaryScene) => client.call(Keys.setKey, SetKeyRequest.fromPartial({ provider: 'deepseek', key: stored.text }));

/** The ports of TCP on which a process listens. */
function portsOf(pid: number): readonly number[] {
  const sockets = new Set(readdirSync(`/proc/${pid}/fd`).flatMap((fd) => /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? []));
  const lines = ['tcp', 'tcp6'].flatMap((file) => readFileSync(`/proc/${pid}/net/${file}`, 'utf8').split('\n').slice(1));
  return lines.map((line) => line.trim().split(/\s+/)).filter(([, , , state, , , , , , inode]) => state === '0A' && sockets.has(inode ?? '')).map(([, local]) => Number.parseInt(local?.split(':')[1] ?? '', 16));
}

/** The reports that Node writes into a folder: the first one, once it is whole. */
async function reportIn(directory: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const look = (): void => {
    const text = readdirSync(directory).map((name) => readFileSync(join(directory, name), 'utf8')).find((each) => each.trimEnd().endsWith('}'));
    if (text !== undefined) resolve(text);
  };
  const watcher = watch(directory, look);
  look();
  const text = await promise;
  watcher.close();
  return text;
}

/** What starts beside a daemon and can be asked to tell everything. */
const LOUD = { NODE_DEBUG: 'child_process,http,http2,net,worker,undici,fetch,timers,stream', GRPC_TRACE: 'all', GRPC_VERBOSITY: 'DEBUG', DEBUG: '*' };

async function loudScene(upstreamUrl: string, finder: Finder): Promise<CanaryScene & { readonly reports: string }> {
  const home = temporaryHome();
  const reports = join(home, 'reports');
  mkdirSync(reports);
  const variables = { ...LOUD, OPENAI_API_KEY: openai.text, GROQ_API_KEY: groq.text, TOLLGATE_JWT_SECRET: signing.text, NODE_OPTIONS: `--report-on-signal --report-signal=SIGWINCH --report-directory=${reports}` };
  const providers = Object.fromEntries(['openai', 'groq', 'deepseek'].map((name) => [name, { base_url: upstreamUrl, settings: name === 'openai' ? { api: 'chat' } : {} }]));
  const scene = await canaryScene({ find: finder, home, environ: false, variables, config: { providers } });
  return Object.assign(scene, { reports });
}

describe("a key of the daemon's own environment", () => {
  it.runIf(linux)('stands in no log, reply, file or diagnostic report, however loud Node and gRPC are asked to be', { timeout: 120_000 }, async () => {
    const upstream = await echoUpstream();
    const scene = await loudScene(upstream.url, find);
    const { go, client, daemon } = scene;
    expect(find(readFileSync(`/proc/${daemon.child.pid}/environ`))).toBeDefined();

    for (const [status, ends] of [[401, 'KEY_REJECTED'], [429, 'RATE_LIMITED'], [500, 'PROVIDER_UNAVAILABLE'], [302, 'RESPONSE_INVALID']] as const) {
      upstream.play((key) => http({ status, headers: { location: key, 'set-cookie': key }, body: JSON.stringify({ error: { message: `${key} is wrong`, code: key } }) }));
      for (const [provider, { text }] of [['openai', openai], ['groq', groq]] as const) {
        await go(`Generate, ${status} of ${provider}`, ends, () => generate(scene, provider));
        expect(upstream.keys.at(-1)).toBe(text);
      }
    }
    await go('Generate without a key', 'KEY_MISSING', () => generate(scene, 'deepseek'));
    await go('RemoveKey of a variable', 'KEY_MISSING', () => client.call(Keys.removeKey, { provider: 'openai', label: '' }));
    upstream.play(goodKey);
    await go('SetKey beside it', 'OK', () => setKey(scene));
    await go('ValidateKey', 'OK', () => client.call(Keys.validateKey, ValidateKeyRequest.fromPartial({ provider: 'openai' })));
    await go('ListProviders', 'OK', () => client.call(Keys.listProviders, {}));

    daemon.child.kill('SIGWINCH');
    const report = await reportIn(scene.reports);
    expect(report).toContain('"javascriptStack"');
    expect(find(report)).toBeUndefined();
    scene.expectNothing();

    daemon.child.kill('SIGABRT');
    expect(await daemon.exit).toBe('SIGABRT');
    expect(readdirSync(scene.home).filter((name) => name.startsWith('core'))).toEqual([]);
    scene.expectNothing();
  });

  it.runIf(linux)('is out of reach for a debugger that comes by signal', async () => {
    const upstream = await echoUpstream();
    const scene = await loudScene(upstream.url, find);
    const { pid = 0 } = scene.daemon.child;
    const before = portsOf(pid);
    scene.daemon.child.kill('SIGUSR1');
    await scene.go('ListProviders', 'OK', () => scene.client.call(Keys.listProviders, {}));
    scene.daemon.child.kill('SIGUSR1');
    await scene.go('ListProviders again', 'OK', () => scene.client.call(Keys.listProviders, {}));
    expect(before).toHaveLength(1);
    expect(portsOf(pid)).toEqual(before);
    expect(scene.daemon.log()).not.toContain('Debugger');
  });
});

describe('a stored key', () => {
  it.runIf(linux)('stands in no environment and no command line of any process', async () => {
    const upstream = await echoUpstream();
    const scene = await canaryScene({ find, config: { providers: { deepseek: { base_url: upstream.url } } } });
    upstream.play(goodKey);
    await scene.go('SetKey', 'OK', () => setKey(scene));
    upstream.play((key) => http({ status: 403, body: key }));
    await scene.go('Generate', 'PROVIDER_PERMISSION_DENIED', () => generate(scene, 'deepseek'));
    scene.expectNothing();
  });

  it.runIf(linux && missingPrograms().length === 0)('stands in none either while a process of its own talks to the keychain, which gets no key of the environment', { timeout: 120_000 }, async () => {
    const service = await secretService();
    const upstream = await echoUpstream();
    const variables = { ...LOUD, OPENAI_API_KEY: openai.text, DBUS_SESSION_BUS_ADDRESS: service.variables['DBUS_SESSION_BUS_ADDRESS'] ?? '' };
    const config = { keys: { store: 'keychain' }, providers: Object.fromEntries(['openai', 'deepseek'].map((name) => [name, { base_url: upstream.url }])) };
    const scene = await canaryScene({ find, environ: false, variables, config });
    upstream.play(goodKey);
    await scene.go('SetKey', 'OK', () => setKey(scene));
    expect(service.lookup('deepseek')).toBe(stored.text);
    expect(processTree(scene.daemon.child.pid ?? 0)).toHaveLength(2);
    scene.expectNothing();
    upstream.play((key) => http({ status: 403, body: key }));
    await scene.go('Generate', 'PROVIDER_PERMISSION_DENIED', () => generate(scene, 'deepseek'));
    service.lock();
    await scene.go('Lock', 'OK', () => scene.client.call(Keys.lock, {}));
    await scene.go('Generate while all is locked', 'KEYS_LOCKED', () => generate(scene, 'deepseek'));
    scene.expectNothing();
    expect(findInFiles(scene.home, find)).toEqual([]);
  });
});
