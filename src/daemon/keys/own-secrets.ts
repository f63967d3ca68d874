import type { Environment } from '../../environment.ts';
import { inTurn } from '../files/in-turn.ts';
import type { Secret } from '../secret.ts';
import type { KeyIndex } from './key-index.ts';
import { ownAccount, type OpenStore } from './open-store.ts';

export interface OwnSecretsOptions {
  readonly environment: Pick<Environment, 'home'>;
  readonly index: () => Promise<KeyIndex>;
  readonly store: () => Promise<OpenStore>;
}

/** The daemon's own secrets, in the store of the keys. */
export interface OwnSecrets {
  /** One that was read already. */
  known(name: string): Secret | undefined;
  read(name: string): Promise<Secret | undefined>;
  write(name: string, secret: Secret): Promise<void>;
}

export function ownSecrets({ environment, index, store }: OwnSecretsOptions): OwnSecrets {
  const known = new Map<string, Secret>();
  const turn = inTurn();

  const write = async (name: string, secret: Secret): Promise<void> => {
    const { store: target } = await store();
    const { update } = await index();
    // What is read next shall be what the store really has.
    known.delete(name);
    await target.write(ownAccount(target, name, environment), secret);
    await update((content) => ({ ...content, store: target.origin, own: content.own.includes(name) ? content.own : [...content.own, name] }));
  };

  return {
    known: (name) => known.get(name),
    async read(name) {
      // A forged token comes as far as this: it must not choose a store, nor try a keychain.
      const { content } = await index();
      if (!content.lost && !content.own.includes(name)) return undefined;
      const { store: from } = await store();
      const secret = await from.read(ownAccount(from, name, environment));
      if (secret !== undefined) known.set(name, secret);
      return secret;
    },
    write: (name, secret) => turn(() => write(name, secret)),
  };
}
