/**
 * Saves of changes that have not landed yet. Where the store has another state than the one that they were made to, they are
 * sent a second time, in full: by a promise as long as the program runs, from here on the way out of the process.
 */
import { ChurnSet } from '../../churn.js';

/** One of them. */
export interface UnsettledSave {
  readonly session: string;
  /** Whether it replaces whatever is stored, so that none before it has to be sent again. */
  readonly unconditional: boolean;
  /** Whether the store has answered that it has another state. */
  refused: boolean;
  /** Whether somebody waits for it: who was ended before that, as a `vm` with a timeout does it, has promised nothing. */
  awaited: boolean;
  /** What it takes of the queue, about, until it is answered. */
  readonly characters: number;
  /** Sends it in full. */
  sendInFull(): Promise<unknown>;
}

/** In the order of their calls. */
export class UnsettledSaves {
  readonly #saves = new ChurnSet<UnsettledSave>();
  #characters = 0;

  get any(): boolean {
    return this.#saves.size > 0;
  }

  /** What those that have not been answered take of the queue. */
  get characters(): number {
    return this.#characters;
  }

  add(save: UnsettledSave): void {
    this.#saves.add(save);
    this.#characters += save.characters;
  }

  /** Takes its answer: null where the store has another state. */
  heard(save: UnsettledSave, answer: unknown): void {
    if (answer !== null || !save.awaited) {
      this.remove(save);
      return;
    }
    save.refused = true;
    this.#characters -= save.characters;
  }

  /** It needs nobody any more: it has been answered, given up, or is about to be sent in full. */
  remove(save: UnsettledSave): void {
    if (this.#saves.delete(save) && !save.refused) this.#characters -= save.characters;
  }

  /**
   * Sends those that were refused and are not replaced by a later one; `land` has each on its way before the next: they may be
   * too much for the queue together.
   */
  sendAgain(land: () => void): void {
    const refused = this.#saves.values().filter((save) => save.refused);
    for (const save of refused) this.#saves.delete(save);
    for (const save of unreplaced(refused)) {
      // Nobody is there any more to hear of a failure, and the others are to be sent all the same.
      new Promise((resolve) => resolve(save.sendInFull())).catch(() => undefined);
      land();
    }
  }
}

/** In the order of their calls. */
function unreplaced(saves: readonly UnsettledSave[]): UnsettledSave[] {
  const last = new Map<string, UnsettledSave>();
  for (const save of saves) if (save.unconditional) last.set(save.session, save);
  const replaced = new Set(last.keys());
  return saves.filter((save) => {
    if (last.get(save.session) === save) replaced.delete(save.session);
    return !replaced.has(save.session);
  });
}
