import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** Below these a known attack works: crashes by malformed calls, code execution, forged signatures, leaks of HTTP/2. */
const FLOORS: Readonly<Record<string, string>> = { '@grpc/grpc-js': '1.14.7', protobufjs: '7.5.6', jws: '4.0.1' };
const NODE_FLOOR = '24.14.1';

const root = new URL('../../', import.meta.url);
const readJson = (path: string): unknown => JSON.parse(readFileSync(new URL(path, root), 'utf8'));

const numbers = (version: string): readonly number[] => version.split('-')[0]?.split('.').map(Number) ?? [];

function isAtLeast(version: string, floor: string): boolean {
  const [have, want] = [numbers(version), numbers(floor)];
  const at = want.findIndex((number, index) => number !== have[index]);
  return at < 0 || (have[at] ?? 0) > (want[at] ?? 0);
}

/** Every copy of a package that is installed, also those below other packages. */
const installed = (name: string): readonly string[] =>
  Object.keys((readJson('package-lock.json') as { packages: object }).packages)
    .filter((path) => path.endsWith(`node_modules/${name}`))
    .map((path) => (readJson(`${path}/package.json`) as { version: string }).version);

describe('the installed versions', () => {
  it.each(Object.entries(FLOORS))('%s is at least %s, every copy', (name, floor) => {
    const versions = installed(name);
    expect(versions).not.toEqual([]);
    expect(versions.filter((version) => !isAtLeast(version, floor))).toEqual([]);
  });

  it(`Node is at least ${NODE_FLOOR}: the one that runs, the pinned one, and the oldest that the package allows`, () => {
    const { optionalDependencies } = readJson('tools/node/package.json') as { optionalDependencies: Record<string, string> };
    const { engines } = readJson('package.json') as { engines: { node: string } };
    const allowed = engines.node.match(/\d+\.\d+\.\d+/g) ?? [];
    expect(allowed).not.toEqual([]);
    expect([process.versions.node, ...Object.values(optionalDependencies), ...allowed].filter((version) => !isAtLeast(version, NODE_FLOOR))).toEqual([]);
  });

  it('are compared by number', () => {
    expect([isAtLeast('1.14.10', '1.14.7'), isAtLeast('2.0.0', '1.14.7'), isAtLeast('1.14.7', '1.14.7')]).toEqual([true, true, true]);
    expect([isAtLeast('1.14.6', '1.14.7'), isAtLeast('1.9.9', '1.14.7'), isAtLeast('0.99.0', '1.14.7')]).toEqual([false, false, false]);
  });
});
