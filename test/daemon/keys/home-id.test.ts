import { describe, expect, it } from 'vitest';
import { readEnvironment, type Variables } from '../../../src/environment.ts';

const idOf = (variables: Variables, platform: NodeJS.Platform = 'linux'): string => readEnvironment({ HOME: '/home/a', ...variables }, platform).home.id;

describe('the id of a home', () => {
  it("is empty for the user's usual one, however it is named", () => {
    expect([idOf({}), idOf({ XDG_STATE_HOME: '/home/a/.local/state' }), idOf({ XDG_CONFIG_HOME: '/elsewhere' }), idOf({ XDG_STATE_HOME: '/elsewhere' }, 'darwin')]).toEqual(['', '', '', '']);
  });

  it('is another for every other state directory', () => {
    const ids = [idOf({ XDG_STATE_HOME: '/one' }), idOf({ XDG_STATE_HOME: '/two' }), idOf({ TOLLGATE_HOME: '/one' })];
    expect([...new Set(ids)]).toHaveLength(3);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{16}$/);
  });
});
