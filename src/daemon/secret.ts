import { inspect } from 'node:util';

const MASK = '[secret]';

/** A text that must never be printed. Only `reveal()` gives it away: to the one call that needs it. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}
