import { type FieldViolation, invalidRequest } from '../failure.ts';

/** Collects what is wrong with a request, so that one answer names it all. */
export class Violations {
  readonly #found: FieldViolation[] = [];
  /** One answer names these at the most: who has more mistakes than that reads no further. */
  static readonly #MAX = 32;

  /** Notes that a field is wrong, unless `ok`. Returns `ok`. */
  check(ok: boolean, field: string, description: string): boolean {
    if (!ok && this.#found.length < Violations.#MAX) this.#found.push({ field, description });
    return ok;
  }

  /** Checks a field that may be unset. */
  checkSet<T>(value: T | undefined, isOk: (value: T) => boolean, field: string, description: string): void {
    if (value !== undefined) this.check(isOk(value), field, description);
  }

  /** Throws REQUEST_INVALID when anything was noted. */
  throwIfAny(): void {
    if (this.#found.length > 0) throw invalidRequest(this.#found);
  }
}
