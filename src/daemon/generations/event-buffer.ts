import type { GenerateResponse } from '../../gen/tollgate/v1/generate_service.ts';

/** The last events of a generation, found by their seq. */
export class EventBuffer {
  #responses: (GenerateResponse | undefined)[] = [];
  /** Beside the responses, so that holding an event makes no object. */
  #weights: number[] = [];
  /** Places at the front that are empty: they are taken away many at a time. */
  #gone = 0;
  #first = 0;
  #bytes = 0;

  /** The seq of the oldest event that is held; `end` when there is none. */
  get first(): number {
    return this.#first;
  }

  /** The seq that the next event gets. */
  get end(): number {
    return this.#first + this.count;
  }

  get count(): number {
    return this.#responses.length - this.#gone;
  }

  /** About what the held events take. */
  get bytes(): number {
    return this.#bytes;
  }

  push(response: GenerateResponse, weight: number): void {
    this.#responses.push(response);
    this.#weights.push(weight);
    this.#bytes += weight;
  }

  at(seq: number): GenerateResponse {
    const response = this.#responses[seq - this.#first + this.#gone];
    if (response === undefined) throw new Error(`event ${seq} is not held: ${this.first} to ${this.end}`);
    return response;
  }

  weightAt(seq: number): number {
    return this.#weights[seq - this.#first + this.#gone] ?? 0;
  }

  /** Lets go of the oldest event. Returns its weight. */
  dropFirst(): number {
    if (this.count === 0) return 0;
    const weight = this.weightAt(this.#first);
    this.#responses[this.#gone] = undefined;
    this.#gone++;
    this.#first++;
    this.#bytes -= weight;
    if (this.#gone * 2 > this.#responses.length) {
      this.#responses.splice(0, this.#gone);
      this.#weights.splice(0, this.#gone);
      this.#gone = 0;
    }
    return weight;
  }
}
