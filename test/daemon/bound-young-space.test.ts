import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const MIB = 1024 * 1024;

/** Makes objects that live for a moment, as streams do, and prints how large the space for new ones has become. */
const program = (bound: boolean): string => `
import { getHeapSpaceStatistics } from 'node:v8';
import { boundYoungSpace } from ${JSON.stringify(fileURLToPath(new URL('../../src/daemon/bound-young-space.ts', import.meta.url)))};
if (${bound}) boundYoungSpace();
const kept = [];
for (let turn = 0; turn < 1500; turn++) {
  kept.push(Array.from({ length: 2000 }, (_, at) => ({ at, text: [at] })));
  if (kept.length > 40) kept.shift();
  await new Promise(setImmediate);
}
console.log(getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size);
`;

const youngBytes = async (bound: boolean): Promise<number> => Number((await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program(bound)])).stdout);

it('the space for new objects stays small, where it would grow by itself', async () => {
  const [bound, free] = await Promise.all([youngBytes(true), youngBytes(false)]);
  expect(bound).toBeLessThanOrEqual(24 * MIB);
  expect(free).toBeGreaterThan(24 * MIB);
});
