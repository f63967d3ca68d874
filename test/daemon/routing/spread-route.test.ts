import { describe, expect, it } from 'vitest';
import { Failure } from '../../../src/daemon/failure.ts';
import type { ProviderInstance } from '../../../src/daemon/plugins/provider-instance.ts';
import type { PlannedAttempt, Route } from '../../../src/daemon/routing/plan-route.ts';
import { spreadRoute, type Weights } from '../../../src/daemon/routing/spread-route.ts';
import { Secret } from '../../../src/daemon/secret.ts';
import { hello, scriptedProvider } from '../scripted-provider.ts';
import { ask, generate, testDaemon } from '../test-daemon.ts';

const instances = new Map(['east', 'west', 'other'].map((name): [string, ProviderInstance] => [name, { name, provider: scriptedProvider(name, hello), enabled: true, instance: { name, baseUrl: '', settings: {} }, isLocal: true, keyRequired: false, defaultModel: '', keyEnvNames: [], missingSettings: [] }]));
const attempt = (name: string, model = 'm', label = ''): PlannedAttempt => ({ instance: instances.get(name)!, model, skip: undefined, key: { label, secret: new Secret('k'), origin: 'environment' } });
const route = (...attempts: PlannedAttempt[]): Route => ({ attempts, mayGoOn: true, anyReady: false });
const names = ({ attempts }: Route) => attempts.map((planned) => `${planned.instance.name}/${planned.skip === undefined ? planned.key?.label : 'skipped'}`);
const spread = (plan: Route, weights: Weights, client: string, labels: Readonly<Record<string, string>> = {}, isAlias = true) => names(spreadRoute(plan, weights, { client, labels }, isAlias));

const CLIENTS = Array.from({ length: 4000 }, (_none, at) => `client-${at}`);
const shareOf = (first: string, orders: readonly (readonly string[])[]): number => orders.filter(([name]) => name === first).length / orders.length;

describe('weights', () => {
  it('share the work of an alias as they say', () => {
    const orders = CLIENTS.map((client) => spread(route(attempt('east'), attempt('west')), { east: 3, west: 1 }, client));
    expect(shareOf('east/', orders)).toBeGreaterThan(0.72);
    expect(shareOf('east/', orders)).toBeLessThan(0.78);
  });

  it('share the work of the keys of one provider, and whoever has none weighs 1', () => {
    const orders = CLIENTS.map((client) => spread(route(attempt('east'), attempt('east', 'm', 'work')), { 'east/work': 4 }, client, {}, false));
    expect(shareOf('east/work', orders)).toBeGreaterThan(0.77);
    expect(shareOf('east/work', orders)).toBeLessThan(0.83);
  });

  it('keep the same client and labels where they are, in whatever order the labels come', () => {
    const plan = route(attempt('east'), attempt('west'));
    const weights = { east: 1, west: 1 };
    for (const client of CLIENTS.slice(0, 100)) expect(spread(plan, weights, client, { a: '1', b: '2' })).toEqual(spread(plan, weights, client, { b: '2', a: '1' }));
    const perLabel = CLIENTS.slice(0, 100).map((label) => spread(plan, weights, 'one', { label })[0]);
    expect(new Set(perLabel)).toEqual(new Set(['east/', 'west/']));
  });

  it('lose nobody, and leave the keys of one provider together', () => {
    const plan = route(attempt('east'), attempt('east', 'm', 'work'), attempt('west'), attempt('other'));
    for (const client of CLIENTS.slice(0, 50)) {
      const order = spread(plan, { east: 1, west: 1 }, client);
      expect(order.toSorted()).toEqual(names(plan).toSorted());
      expect(order.at(-1)).toBe('other/');
      expect(order.indexOf('east/work') - order.indexOf('east/')).toBe(1);
    }
  });

  it.each([
    ['none is set', {}, true, 'm'],
    ['only one of two has one', { east: 1 }, true, 'm'],
    ['the models differ', { east: 1, west: 1000 }, true, 'n'],
    ['the caller named a model and its fallbacks', { east: 1, west: 1000 }, false, 'm'],
  ])('change nothing where %s', (_what, weights, isAlias, model) => {
    const plan = route(attempt('east'), attempt('west', model), { instance: instances.get('other')!, model: 'm', skip: new Failure('KEY_MISSING', 'none') });
    for (const client of CLIENTS.slice(0, 20)) expect(spread(plan, weights as Weights, client, {}, isAlias)).toEqual(['east/', 'west/', 'other/skipped']);
  });

  it('hold in the daemon, and the rest of the route stays open', async () => {
    const [east, west] = ['east', 'west'].map((type) => scriptedProvider(type, hello));
    const daemon = await testDaemon({ providers: [east!, west!], config: { aliases: { both: ['east/m', 'west/m'] }, routing: { weights: { east: 1, west: 1 } } } });
    for (let label = 0; label < 16; label++) await generate(daemon, ask({ model: 'both', labels: { user: String(label) } }));
    expect(east!.requests.length + west!.requests.length).toBe(16);
    expect(Math.min(east!.requests.length, west!.requests.length)).toBeGreaterThan(1);
  });

  it('of a wrong shape are refused', async () => {
    await expect(testDaemon({ config: { routing: { weights: { East: 0 } } } })).rejects.toThrow(/routing\.weights/);
  });
});
