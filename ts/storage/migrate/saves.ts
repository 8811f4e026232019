/** Saves to a store that takes so much at once and no more: one that is refused for that is tried again when there is room. */
export class Saves {
  /** Each settles, without failing, when its save has. */
  readonly #underWay = new Set<Promise<void>>();
  /** How many have ended that there was room for. */
  #ended = 0;
  /** Those that were refused, one after another: each try makes the text of a whole session. */
  #line: Promise<void> = Promise.resolve();
  /** How many are in the line: who begins meanwhile would take the room that the first one waits for. */
  #waiting = 0;

  /** Saves, if need be when others of these have ended. Where none is left that could make room, it rejects as the store does. */
  async save(begin: () => Promise<void>): Promise<void> {
    while (this.#waiting > 0) await this.#line;
    if (await this.#isTaken(begin)) return;
    this.#waiting += 1;
    const turn = this.#line.then(async () => {
      while (!(await this.#isTaken(begin))) if (this.#underWay.size > 0) await Promise.race(this.#underWay);
    });
    this.#line = turn.catch(() => undefined);
    await turn.finally(() => (this.#waiting -= 1));
  }

  /** False: there was no room, and others may have made some, or may make it. */
  async #isTaken(begin: () => Promise<void>): Promise<boolean> {
    const endedBefore = this.#ended;
    let over = (): void => undefined;
    const ending = new Promise<void>((resolve) => (over = resolve));
    this.#underWay.add(ending);
    try {
      await begin();
      this.#ended += 1;
      return true;
    } catch (error) {
      if ((error as { code?: unknown } | null)?.code !== 'ERR_BACKPRESSURE') {
        this.#ended += 1;
        throw error;
      }
      // It is not over itself.
      if (this.#underWay.size === 1 && this.#ended === endedBefore) throw error;
      return false;
    } finally {
      this.#underWay.delete(ending);
      over();
    }
  }
}
