/**
 * What may be found of each object, by what the child has said before the fault: `begin`, `done` or `fail` of a token
 * `object state`. A state is a number, or 0 for an object that is not there.
 */

/** Failures after which a write may be there all the same; after all others it must not. */
const UNKNOWN = new Set(['ERR_INDETERMINATE', 'ERR_PANIC']);

const WORDS = new Set(['begin', 'done', 'fail', 'soft']);

export class Oracle {
  /** By object, in the order of the calls. */
  #histories = new Map();
  acknowledged = 0;
  failures = new Map();

  /** `found` is what is there before the child begins. */
  constructor(found = new Map()) {
    for (const [object, state] of found) this.#histories.set(object, [{ state, status: 'done', at: 0 }]);
  }

  /** Takes one line of the journal. */
  hear(line, at = 0) {
    const [word, object, number, code] = line.split(' ');
    if (!WORDS.has(word)) return;
    const state = Number(number);
    const history = this.#historyOf(object);
    if (word === 'begin') history.push({ state, status: 'begun', at });
    else if (word === 'done') this.#end(history, state, 'done', at);
    else if (word === 'soft') this.#end(history, state, 'unknown', at);
    else if (word === 'fail') {
      this.failures.set(code, (this.failures.get(code) ?? 0) + 1);
      this.#end(history, state, UNKNOWN.has(code) ? 'unknown' : 'absent', at);
    }
    if (word === 'done') this.acknowledged += 1;
  }

  /** The objects that have been written. */
  get objects() {
    return [...this.#histories.keys()];
  }

  /** The states that an object may have. */
  allowed(object) {
    const history = this.#historyOf(object);
    const last = history.findLastIndex(({ status }) => status === 'done');
    const since = history.slice(last < 0 ? 0 : last).filter(({ status }) => status !== 'absent');
    return new Set([...(last < 0 ? [0] : []), ...since.map(({ state }) => state)]);
  }

  /** The states that it has ever had, or may have had. */
  ever(object) {
    const had = this.#historyOf(object).filter(({ status }) => status !== 'absent');
    return new Set([0, ...had.map(({ state }) => state)]);
  }

  /** The moments of the acknowledgements that are worth nothing where this state is found. */
  lost(object, state) {
    const history = this.#historyOf(object);
    const found = history.findLastIndex((one) => one.state === state && one.status !== 'absent');
    return history
      .slice(found + 1)
      .filter(({ status }) => status === 'done')
      .map(({ at }) => at);
  }

  /** Throws where something else is found than what may be. */
  judge(found, allowed = (object) => this.allowed(object)) {
    for (const object of this.objects) {
      const state = found.get(object) ?? 0;
      const may = allowed(object);
      if (!may.has(state)) {
        throw new Error(`${object} is in state ${state}; it may be in ${[...may].join(' or ') || 'none'}`);
      }
    }
    for (const object of found.keys()) {
      if (!this.#histories.has(object)) throw new Error(`${object} is there, and was never written`);
    }
  }

  /** What was found is what is there: the next life begins with it. */
  settle(found) {
    for (const object of this.objects) {
      this.#histories.set(object, [{ state: found.get(object) ?? 0, status: 'done', at: 0 }]);
    }
  }

  #historyOf(object) {
    let history = this.#histories.get(object);
    if (history === undefined) this.#histories.set(object, (history = []));
    return history;
  }

  #end(history, state, status, at) {
    const entry = history.findLast((one) => one.state === state && one.status === 'begun');
    if (entry === undefined) throw new Error(`the child speaks of state ${state}, which it has not begun`);
    Object.assign(entry, { status, at });
  }
}
