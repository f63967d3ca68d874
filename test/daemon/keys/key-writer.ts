import { DEFAULT_CONFIG } from '../../../src/daemon/config/config.ts';
import { openKeyRing } from '../../../src/daemon/keys/open-key-ring.ts';
import { makeLogger } from '../../../src/daemon/logger.ts';
import { buildRegistry } from '../../../src/daemon/plugins/registry.ts';
import { Secret } from '../../../src/daemon/secret.ts';
import { readEnvironment } from '../../../src/environment.ts';
import { shipped } from '../../../src/plugins/index.ts';

/**
 * Sets one key after the other, from the number given on, and says of each that it is set: until it is killed. "once" sets one and
 * closes nothing; "read" says which one is stored.
 */
const [task = '1'] = process.argv.slice(2);
const environment = readEnvironment({ ...process.env });
const ring = openKeyRing({ environment, config: () => DEFAULT_CONFIG, log: makeLogger('silent', { write: () => {} }) });
const openai = buildRegistry(DEFAULT_CONFIG, shipped, {}).instances.get('openai');
if (openai === undefined) throw new Error('there is no openai');

const write = async (number: number): Promise<void> => {
  await ring.set(openai, '', new Secret(`sk-written-${number}`), undefined);
  await ring.writeOwn('counter', new Secret(String(number)));
};

if (task === 'read') {
  for (const { secret } of await ring.keysFor(openai)) console.log(secret.reveal());
} else if (task === 'once') {
  await write(0);
} else {
  for (let number = Number(task); ; number++) {
    await write(number);
    console.log(number);
  }
}
