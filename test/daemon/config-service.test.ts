import { lstatSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { Setting_Type } from '../../src/gen/tollgate/provider/v1/provider_service.ts';
import { adminDaemon, failureOf, type AdminDaemon } from './admin-daemon.ts';
import { hello, scriptedProvider } from './scripted-provider.ts';
import { ask, generate, temporaryHome } from './test-daemon.ts';

const listen = { grpc: '127.0.0.1:0', http: null };
const setting = (name: string) => ({ name, type: Setting_Type.STRING, description: '', required: false, values: [], envNames: [], defaultValue: '' });
const plugin = () => scriptedProvider('p', hello, { settings: [setting('one'), ...Array.from({ length: 10 }, (_, at) => setting(`s${at}`))] });
const start = (config: object = {}): Promise<AdminDaemon> => adminDaemon({ config, providers: [plugin(), scriptedProvider('q', hello)] });

const onDisk = ({ environment }: AdminDaemon): unknown => JSON.parse(readFileSync(environment.home.configFile, 'utf8'));

describe('GetConfig', () => {
  it('returns what the file holds, and its path', async () => {
    const daemon = await start({ routing: { local_only: true } });
    const { configJson, path } = await daemon.getConfig();
    expect(JSON.parse(configJson)).toEqual({ listen, routing: { local_only: true } });
    expect(path).toBe(daemon.environment.home.configFile);
  });

  it('returns {} where there is no file', async () => {
    // Without a file from the start it would listen where a person's own daemon may.
    const daemon = await start({});
    rmSync(daemon.environment.home.configFile);
    await expect.poll(async () => (await daemon.getConfig()).configJson).toBe('{}');
  });
});

describe('UpdateConfig', () => {
  it('changes the fields of the mask, leaves the others, and is in force when it returns', async () => {
    const daemon = await start({ aliases: { fast: 'p/quick' }, routing: { max_attempts: 2 } });
    const { configJson, restartNeeded } = await daemon.updateConfig({ aliases: { fast: 'q/other' }, default_model: 'fast', routing: { max_attempts: 9 } }, 'default_model', 'aliases.fast');
    expect(JSON.parse(configJson)).toEqual({ listen, aliases: { fast: 'q/other' }, routing: { max_attempts: 2 }, default_model: 'fast' });
    expect(onDisk(daemon)).toEqual(JSON.parse(configJson));
    expect(restartNeeded).toBe(false);
    const { events } = await generate(daemon, ask({ model: '' }));
    expect(events[0]?.event).toMatchObject({ value: { provider: 'q', model: 'other' } });
  });

  it('removes a field of the mask that the given config lacks', async () => {
    const daemon = await start({ default_model: 'p/x', providers: { mine: { type: 'p' }, 'my.own': { type: 'q' } } });
    const { configJson } = await daemon.updateConfig({}, 'default_model', 'providers.`my.own`', 'aliases.none');
    expect(JSON.parse(configJson)).toEqual({ listen, providers: { mine: { type: 'p' } } });
    expect((await generate(daemon, ask({ model: 'my.own/x' }))).failure?.reason).toBe('PROVIDER_NOT_FOUND');
  });

  it('without a mask replaces the whole, and says what waits for a restart', async () => {
    const daemon = await start({ default_model: 'p/x' });
    expect(await daemon.updateConfig({ listen, routing: { prefer_local: false } })).toMatchObject({ restartNeeded: false });
    expect(onDisk(daemon)).toEqual({ listen, routing: { prefer_local: false } });
    expect(await daemon.updateConfig({ listen: { grpc: null } })).toMatchObject({ restartNeeded: true });
    expect(await daemon.updateConfig({ listen, limits: { max_request_bytes: 4096 } })).toMatchObject({ restartNeeded: true });
  });

  it('writes the file for its owner alone', async () => {
    const daemon = await start();
    await daemon.updateConfig({ default_model: 'p/x' }, 'default_model');
    expect(statSync(daemon.environment.home.configFile).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['a wrong type', { routing: { allow_fallback: 'yes' } }, ['routing.allow_fallback'], ['routing.allow_fallback']],
    ['two wrong places', { routing: { max_attempts: 0, idle_timeout: 5 } }, ['routing'], ['routing.max_attempts', 'routing.idle_timeout']],
    ['an unknown type of provider', { providers: { mine: { type: 'none' } } }, ['providers.mine'], ['providers.mine.type']],
    ['an unknown setting', { providers: { p: { settings: { two: 'x' } } } }, ['providers.p'], ['providers.p.settings.two']],
    ['an alias with the name of a provider', { aliases: { p: 'q/x' } }, ['aliases'], ['aliases.p']],
    ['a misspelt field, which would be taken for one to remove', { routing: { local_onyl: true } }, ['routing.local_only'], ['routing']],
    ['what breaks the whole', {}, ['providers.mine'], []],
    ['the whole', { colour: 1 }, [], ['']],
    ['a list', [], [], ['']],
    ['no JSON', '{"a": ', ['aliases'], ['']],
    ['nothing', '', [], ['']],
    ['names of the language', '{"__proto__": {"polluted": 1}}', [], ['']],
    ['a provider of such a name', '{"providers": {"__proto__": {"type": "p"}}}', [], ['providers.__proto__']],
    ['a file that is too long', { aliases: { long: Array.from({ length: 1000 }, () => `p/${'x'.repeat(1100)}`) } }, ['aliases'], ['']],
  ])('refuses %s with CONFIG_INVALID, and changes nothing', async (what, config, mask, fields) => {
    const before = { providers: { mine: { type: 'p' } }, routing: { fallback_order: ['mine'], local_only: true } };
    const daemon = await start(before);
    const text = readFileSync(daemon.environment.home.configFile, 'utf8');
    const failure = await failureOf(daemon.updateConfig(config, ...mask));
    expect(failure).toMatchObject({ code: status.INVALID_ARGUMENT, reason: 'CONFIG_INVALID' });
    expect(failure.fields).toEqual(what === 'what breaks the whole' ? ['routing.fallback_order'] : fields);
    expect(readFileSync(daemon.environment.home.configFile, 'utf8')).toBe(text);
    expect((await generate(daemon, ask({ model: 'mine/x' }))).text).toBe('hello');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it.each(['colour', 'routing.local_onyl', 'default_model.x', 'providers.p.setings', 'tiers.free.colour.x', '', '.', 'routing.', 'a..b', '*', '`x', '__proto__.x', 'providers.__proto__.type', 'aliases.constructor', 'providers.prototype.base_url'])('refuses the mask "%s" with REQUEST_INVALID', async (path) => {
    const daemon = await start();
    expect(await failureOf(daemon.updateConfig({}, path))).toMatchObject({ code: status.INVALID_ARGUMENT, reason: 'REQUEST_INVALID', fields: ['update_mask'] });
  });

  it.each([
    ['settings', { providers: { p: { settings: Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`s${at}`, 'x'])) } } }],
    ['places in the order', { routing: { fallback_order: Array.from({ length: 20_000 }, (_, at) => `s${at}`) } }],
  ])('answers soon to 20,000 wrong %s, naming the first few', async (_what, config) => {
    const daemon = await start();
    const { reason, fields } = await failureOf(daemon.updateConfig(config));
    expect([reason, fields.length > 0 && fields.length <= 20]).toEqual(['CONFIG_INVALID', true]);
  });

  it('loses none of the changes that come at the same time, whoever makes them', async () => {
    const daemon = await start();
    const names = Array.from({ length: 10 }, (_, at) => `s${at}`);
    await Promise.all([
      ...names.map((name) => daemon.updateConfig({ aliases: { [name]: 'p/x' } }, `aliases.${name}`)),
      ...names.map((name) => daemon.setKey({ provider: 'p', settings: { [name]: name } })),
    ]);
    expect(onDisk(daemon)).toMatchObject({ aliases: Object.fromEntries(names.map((name) => [name, 'p/x'])), providers: { p: { settings: Object.fromEntries(names.map((name) => [name, name])) } } });
    expect((await daemon.getProvider('p')).settings).toEqual(Object.fromEntries(names.map((name) => [name, name])));
  });

  it('keeps a linked file a link', async () => {
    const daemon = await start();
    const { configFile } = daemon.environment.home;
    const target = join(temporaryHome(), 'real.json');
    renameSync(configFile, target);
    symlinkSync(target, configFile);
    await daemon.updateConfig({ default_model: 'p/x' }, 'default_model');
    expect(lstatSync(configFile).isSymbolicLink()).toBe(true);
    expect(JSON.parse(readFileSync(target, 'utf8'))).toEqual({ listen, default_model: 'p/x' });
  });

  it('does not merge into a file that is no JSON, and replaces it when it is given a whole', async () => {
    const daemon = await start();
    writeFileSync(daemon.environment.home.configFile, '{ "default_model": ');
    expect(await failureOf(daemon.updateConfig({ default_model: 'p/x' }, 'default_model'))).toMatchObject({ reason: 'CONFIG_INVALID' });
    expect(await failureOf(daemon.getConfig())).toMatchObject({ reason: 'CONFIG_INVALID' });
    await daemon.updateConfig({ listen, default_model: 'p/x' });
    expect(onDisk(daemon)).toEqual({ listen, default_model: 'p/x' });
    expect((await generate(daemon, ask({ model: '' }))).text).toBe('hello');
  });
});
