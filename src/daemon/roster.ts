/** Where a member stands. */
export interface Place<T> {
  readonly member: T;
  before: Place<T> | undefined;
  after: Place<T> | undefined;
}

/**
 * Members in the order in which they came, for those that leave as often as they come: a call, a reservation. A Set would do but for one thing:
 * V8 keeps every table that a Set has outgrown, and all who stood in it, until the next full collection, and under load that is all of them.
 */
export class Roster<T> implements Iterable<T> {
  #first: Place<T> | undefined;
  #last: Place<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The one that has been here longest. */
  get first(): Place<T> | undefined {
    return this.#first;
  }

  add(member: T): Place<T> {
    const place: Place<T> = { member, before: undefined, after: undefined };
    this.#append(place);
    return place;
  }

  #append(place: Place<T>): void {
    place.before = this.#last;
    if (this.#last === undefined) this.#first = place;
    else this.#last.after = place;
    this.#last = place;
    this.#size++;
  }

  /** Returns whether the member was still here. */
  remove(place: Place<T>): boolean {
    const { before, after } = place;
    if (before === undefined && this.#first !== place) return false;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    // One that has left leads nowhere: what is old would keep alive what is new.
    place.before = undefined;
    place.after = undefined;
    this.#size--;
    return true;
  }

  /** Makes it the one that came last. */
  toEnd(place: Place<T>): void {
    if (place === this.#last || !this.remove(place)) return;
    this.#append(place);
  }

  /** The places, oldest first. The one that was given last may be removed. */
  *places(): Generator<Place<T>, void> {
    for (let place = this.#first; place !== undefined;) {
      const { after } = place;
      yield place;
      place = after;
    }
  }

  *[Symbol.iterator](): Generator<T, void> {
    for (const { member } of this.places()) yield member;
  }
}
