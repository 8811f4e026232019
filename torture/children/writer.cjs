'use strict';

/**
 * Writes keys, batches and sessions, several at a time, and journals each: `begin`, then `done` or `fail`. What it does
 * comes from its seed. With `ops=0` it never ends.
 */
const api = require('../../dist/index.js');
const { say } = require('./journal.cjs');
const { randomOf } = require('./random.cjs');
const { valueOf, sessionOf, messagesOf, partsOf, stateOfValue, stateOfSession } = require('./states.cjs');

const given = Object.fromEntries(process.argv.slice(2).map((word) => word.split(/=(.*)/s).slice(0, 2)));
const { adapter: name, path, durability, seed, first, ops, lanes, timeoutMs, pauseMs, mixed, prefix = '' } = given;
const store = new api[name]({ path, durability, timeoutMs: Number(timeoutMs ?? 30_000) });
const batches = api.supports(store, 'setMany');

/** An object, its last state that was begun, and what it was begun with. */
class Subject {
  constructor(object, kind) {
    Object.assign(this, { object, kind, state: Number(first), began: null, known: null });
  }

  /** Begins a write; settles when it is journaled. */
  write(pick) {
    this.state += 1;
    const { object, state } = this;
    const gone = pick(8) === 0;
    // Whether it can be appended to is known only after what was asked for before.
    const [token, promise] = gone ? [0, () => this.#remove()] : [state, () => this.#put(state, pick)];
    // Two removals of one object are the same state.
    say('begin', object, token);
    // Some of what is mixed is acknowledged without a sync: it may be lost, and must take nothing else with it.
    const soft = mixed !== undefined && pick(2) === 0;
    this.manner = { durability: soft ? 'process' : durability };
    return promise().then(
      () => this.#told(soft ? 'soft' : 'done', token),
      (error) => this.#told('fail', token, error.code ?? error.message),
    );
  }

  #told(word, token, code = '') {
    this.known = word === 'fail' ? null : token;
    say(word, this.object, token, code);
    return word !== 'fail';
  }

  #remove() {
    this.began = null;
    const { kind, manner, object } = this;
    if (kind === 'key') return store.delete(object, manner);
    if (kind === 'many') return store.deleteMany(partsOf(object), manner);
    return store.deleteSession(object, manner);
  }

  #put(state, pick) {
    const { object, kind, manner } = this;
    if (kind === 'key') return store.set(object, valueOf(object, state), undefined, manner);
    if (kind === 'many')
      return store.setMany(
        partsOf(object).map((part) => [part, valueOf(part, state)]),
        undefined,
        manner,
      );
    if (this.known === state - 1 && this.began !== null && pick(3) === 0) {
      return store.appendMessages(object, messagesOf(object, state, state), manner);
    }
    this.began ??= state;
    return store.saveSession(object, sessionOf(object, this.began, state), manner);
  }

  /** What was acknowledged last is what is read. */
  async check() {
    const { object, kind, known } = this;
    if (known === null) return;
    const read =
      kind === 'session'
        ? await store.getSession(object)
        : await store.get(kind === 'key' ? object : partsOf(object)[0]);
    const state =
      read === null
        ? 0
        : kind === 'session'
          ? stateOfSession(object, read)
          : stateOfValue(kind === 'key' ? object : partsOf(object)[0], read);
    if (state !== known) throw new Error(`${object} was acknowledged in state ${known} and is read in state ${state}`);
  }
}

async function lane(number, counter) {
  const pick = randomOf(Number(seed) + number * 7_919);
  const kinds = batches ? ['key', 'many', 'session'] : ['key', 'session'];
  const subjects = kinds.map((kind) => new Subject(`${prefix}${kind}-${number}`, kind));
  while (Number(ops) === 0 || counter.left > 0) {
    const chosen = subjects.filter(() => pick(2) === 0);
    counter.left -= chosen.length;
    const written = await Promise.all(chosen.map((subject) => subject.write(pick)));
    for (const subject of chosen) await subject.check();
    // Where writing fails, it is tried again when others have had their turn.
    if (written.includes(false)) await new Promise(setImmediate);
    if (chosen.length === 0) await new Promise(setImmediate);
    if (pauseMs !== undefined) await new Promise((resolve) => setTimeout(resolve, Number(pauseMs)));
  }
  // The fault may have ended meanwhile: then writing goes on.
  for (const subject of subjects) for (let tries = 1; tries <= 3 && !(await subject.write(() => 1)); tries += 1);
  for (const subject of subjects) await subject.check();
}

async function main() {
  for (let tries = 1; ; tries += 1) {
    try {
      await store.initialize();
      break;
    } catch (error) {
      if (tries === 3) return say('read', 'opening', error.code);
    }
  }
  const counter = { left: Number(ops) };
  await Promise.all(Array.from({ length: Number(lanes) }, (_, number) => lane(number, counter)));
  await store.close().catch((error) => say('read', 'close', error.code));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
