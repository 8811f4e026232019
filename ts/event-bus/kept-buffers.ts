/** The buffers that an event keeps alive, each once, however many views it has of them. */
import { bufferIn, bytesIn } from '../codec/originals.js';

/** How often one was met, and for how many objects that stands. */
interface Met {
  times: number;
  scale: number;
}

/** Those of one event. */
export class KeptBuffers {
  /** Most events have none. */
  #met: Map<object, Met> | null = null;

  /** Takes note of a buffer, or a view of one, which stands for `scale` of them. What has to be counted for itself: */
  add(part: object, bytes: number, scale: number): number {
    const buffer = bufferIn(part) ?? part;
    // Node cuts small buffers out of one that they share with others of the program: it is nobody's.
    if (buffer !== part && (bytesIn(buffer) ?? 0) <= Buffer.poolSize) return bytes;
    this.#met ??= new Map();
    const met = this.#met.get(buffer);
    if (met === undefined) {
      this.#met.set(buffer, { times: 1, scale });
    } else {
      met.times += 1;
      met.scale += scale;
    }
    return 0;
  }

  get bytes(): number {
    let sum = 0;
    // One that is met again and again is the same for most of those that were not looked at.
    for (const [buffer, { times, scale }] of this.#met ?? []) {
      sum += (bytesIn(buffer) ?? 0) * Math.max(1, scale / times ** 2);
    }
    return sum;
  }
}
