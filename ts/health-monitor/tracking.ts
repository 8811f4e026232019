/** Work in flight: who does it is busy, neither pinged nor judged by silence. */
import { named } from '../holders.js';
import { resolveTrack } from './options.js';
import type { Roster } from './roster.js';
import { unknownAgent } from './strategies.js';
import type { TrackOptions } from './types.js';
import type { Watched } from './watched.js';
import type { Wire } from './wire.js';

/** Something that is done, or is to be done. */
export type Work<T> = PromiseLike<T> | (() => T | PromiseLike<T>);

/** The work of the agents of one monitor. */
export class Tracking {
  readonly #agents: Roster;
  readonly #wire: Wire;

  constructor(agents: Roster, wire: Wire) {
    this.#agents = agents;
    this.#wire = wire;
  }

  /** Gives what the work gives. A function is called at once, and named as what holds the loop while it runs synchronously. */
  async track<T>(id: string, work: Work<T>, options?: TrackOptions): Promise<T> {
    const { kind, ended } = this.#taken(id, work, options);
    let done = false;
    try {
      const result = await (typeof work === 'function'
        ? named({ agentId: id, listeners: [kind] }, () => work())
        : work);
      done = true;
      return result;
    } finally {
      ended(done);
    }
  }

  /** Takes work on, or refuses it. */
  #taken(id: string, work: unknown, options?: TrackOptions): { kind: string; ended: (done: boolean) => void } {
    try {
      this.#wire.checkOpen();
      const watched = this.#agents.get(id);
      if (watched === undefined) throw unknownAgent(id);
      const { deadline, kind } = resolveTrack(work, options);
      return { kind, ended: this.#begin(watched, kind, deadline) };
    } catch (error) {
      // Whoever handed it in has this error to handle: that the work fails as well must not end the process.
      void Promise.resolve(work).catch(() => undefined);
      throw error;
    }
  }

  /** Work begins; to be called when it has ended, with whether it was done. */
  #begin(watched: Watched, kind: string, deadline: number): (done: boolean) => void {
    const { life } = watched;
    watched.begins(kind);
    const work = life.begin();
    try {
      this.#wire.begin(watched, work, deadline);
    } catch (error) {
      life.end(work);
      throw error;
    }
    return (done) => {
      // What was begun in an earlier life tells nothing about this one.
      if (!this.#agents.has(watched) || !life.end(work)) return;
      const shows = life.isShownBy(work, done);
      if (shows) watched.alive(kind);
      this.#wire.settle(watched, work, shows);
    };
  }
}
