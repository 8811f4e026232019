'use strict';

/** The parts of the package whose calls are ended: how to make one, what to call, and how to see that it goes on. */
const { deepStrictEqual, strictEqual } = require('node:assert');
const { mkdtempSync } = require('node:fs');

const { JsonlEventReplayStorage, SmallTalkEventBus, SQLiteStorageAdapter } = require('../../dist/index.js');

const fresh = () => mkdtempSync('part-');
const alone = { begin: () => [] };

/** A conversation that changes in the middle, and grows, with `n`. */
const session = (n, id = 's', size = 1) => ({
  id,
  messages: [n % 3, n, ...Array(n % 5).keys()].map((content, at) => {
    return { id: `m${at}`, role: 'user', content: `${content} `.repeat(size), timestamp: new Date(at) };
  }),
  createdAt: new Date(0),
  updatedAt: new Date(n),
});

/** Reads enough in one turn of the loop for what comes next to wait until it turns. */
const readMuch = (store) => {
  const end = performance.now() + 5;
  const answers = [];
  while (performance.now() < end) answers.push(store.getSession('s'));
  return answers;
};

const ORDERED = ['save', 'append', 'read', 'read together', 'list', 'clear', 'delete', 'set'];
const forget = new AbortController();

const store = {
  async make() {
    const made = new SQLiteStorageAdapter({ path: `${fresh()}/s.db`, durability: 'process' });
    await made.saveSession('s', session(0));
    return made;
  },
  beside: {
    alone,
    'beside a save': {
      begin: (one, n) => [one.saveSession('s', session(n)), one.appendMessages('s', [])],
      calls: ORDERED,
    },
    'behind a list': { begin: (one, n) => [one.saveSession('s', session(n)), one.listSessions()], calls: ORDERED },
    'behind many reads': { begin: readMuch, calls: ['read', 'list'] },
  },
  calls: {
    save: (one, n) => one.saveSession('s', session(n)),
    'save something large': (one, n) => one.saveSession('s', session(n, 's', 10_000)),
    'save in versions': (one, n) => one.saveVersioned(`v${n}`, session(n, `v${n}`), { ifVersion: null }),
    'save together': (one, n) => one.saveSessions(['s', 't'].map((id) => [id, session(n, id)])),
    append: (one, n) => one.appendMessages('s', session(n).messages.slice(0, 1)),
    read: (one) => one.getSession('s'),
    'read together': (one) => one.getSessions(['s', 't']),
    'read a part': (one) => one.getMessages('s', { last: 1 }),
    list: (one) => one.listSessions(),
    delete: (one) => one.deleteSession('s'),
    clear: (one) => one.clear(),
    set: (one, n) => one.set('k', n),
    get: (one) => one.get('k'),
    prune: (one) => one.prune({ updatedBefore: new Date(0) }),
    verify: (one) => one.verify({ signal: forget.signal }),
  },
  /** Each alone: any other one might put things right. */
  async check(one, n, inTime) {
    await inTime('a key', one.set('k', n));
    strictEqual(await inTime('the key', one.get('k')), n);
    for (const saved of [session(n + 2), session(n + 3)]) {
      await inTime('a save', one.saveSession('s', saved));
      deepStrictEqual(await inTime('the session', one.getSession('s')), saved);
    }
    strictEqual((await inTime('the list', one.listSessions())).includes('s'), true);
  },
  close: (one) => one.close(),
};

const APPENDED = { topic: 'print', priority: 'critical' };

const log = {
  async make() {
    const made = new JsonlEventReplayStorage({ directory: fresh() });
    await made.append('s', APPENDED);
    return made;
  },
  beside: {
    alone,
    'beside appends': { begin: (one) => [1, 2, 3].map(() => one.append('s', { ...APPENDED, payload: new Date(0) })) },
  },
  calls: {
    append: (one, n) => one.append('s', { ...APPENDED, payload: n }),
    'append more than JSON': (one) => one.append('s', { ...APPENDED, payload: new Map([[1, new Date(0)]]) }),
    'append two': (one) => Promise.all([one.append('s', APPENDED), one.append('t', APPENDED)]),
    'append with an id': (one, n) => one.append('s', { ...APPENDED, id: `i${n}` }),
    replay: (one) => one.replay('s').next(),
    tail: (one) => one.tail('s').next(),
    subscribe: async (one, n) => (await one.subscribe('s', `c${n}`)).close(),
    'get stats': (one) => one.getStats(),
    verify: (one) => one.verify(),
    sessions: (one) => one.sessions(),
    flush: (one) => one.flush(),
    'clean up': (one) => one.cleanup(1e9),
    erase: (one) => one.eraseSession('t'),
  },
  async check(one, n, inTime) {
    await inTime('the stats', one.getStats());
    const { seq } = await inTime('an append', one.append('s', { ...APPENDED, payload: { last: n } }));
    await inTime('a flush', one.flush());
    const read = async () => {
      const events = [];
      for await (const event of one.replay('s', { afterSeq: Math.max(0, seq - 9) })) events.push(event);
      return events;
    };
    const events = await inTime('a replay', read());
    deepStrictEqual(
      events.map((event) => event.seq),
      events.map((_, at) => seq - events.length + 1 + at),
    );
    deepStrictEqual(events.at(-1).payload, { last: n });
  },
  close: (one) => one.close(),
};

async function until(happened) {
  while (!happened()) await new Promise((resolve) => setImmediate(resolve));
}

const busWith = (log) => {
  const bus = new SmallTalkEventBus({ log, logQueueBytes: 1_000, historyLimit: 8 });
  for (const name of ['print', 'log:error', 'listener:error']) bus.on(name, () => undefined);
  const made = { bus, log, told: 0, dropped: 0 };
  bus.on('log:overflow', ({ dropped }) => (made.told += dropped));
  return made;
};

const bus = {
  async make() {
    const made = new JsonlEventReplayStorage({ directory: fresh() });
    await made.sessions();
    return busWith(made);
  },
  beside: { alone, 'behind an emit': { begin: ({ bus }) => (bus.emit('print', 1), []) } },
  calls: {
    emit: ({ bus }, n) => bus.emit('print', n),
    'emit more than JSON': ({ bus }) => bus.emit('print', new Date(0)),
    'emit what nobody hears': ({ bus }, n) => bus.emit('other', n),
    'emit too much': ({ bus }) => [1, 2, 3].map(() => bus.emit('print', 'x'.repeat(600))),
    'emit durably': ({ bus }, n) => bus.emitDurable('print', n),
    'emit in a scope': ({ bus }, n) => bus.scope({ sessionId: `s${n % 2}`, agentId: 'a' }).emit('print', n),
    flush: ({ bus }) => bus.flush(),
    replay: ({ bus }) => bus.replay(),
  },
  async check(one, n, inTime) {
    const { bus, log } = one;
    let heard = 0;
    const listener = () => (heard += 1);
    bus.on('check', listener);
    bus.emit('check', n);
    bus.off('check', listener);
    strictEqual(heard, 1);
    await inTime('a flush', bus.flush());
    const { queuedEvents, queuedBytes, dropped } = bus.getStats().log;
    deepStrictEqual({ queuedEvents, queuedBytes }, { queuedEvents: 0, queuedBytes: 0 });
    if (dropped > one.dropped)
      await inTime(
        'word of what was dropped',
        until(() => one.told > 0),
      );
    Object.assign(one, { dropped, told: 0 });
    const events = bus.history.toArray();
    deepStrictEqual([events.length, events.at(-1).args], [bus.history.size, [n]]);
    strictEqual(bus.current, null);
    const last = async () => {
      let payload;
      for await (const event of log.replay('default', { priority: 'all', topics: ['check'] })) payload = event.payload;
      return payload;
    };
    deepStrictEqual(await inTime('a replay', last()), [n]);
  },
  async close({ bus, log }) {
    await bus.close();
    await log.close();
  },
};

/** What a user may write: it knows nothing of streams. */
class OwnLog {
  #taken = [];

  async append(_sessionId, event) {
    this.#taken = [...this.#taken, event].slice(-20);
  }

  async *replay(_sessionId, { topics }) {
    yield* this.#taken.filter(({ topic }) => topics.includes(topic));
  }

  async close() {}
}

const ownLog = { ...bus, make: async () => busWith(new OwnLog()) };

exports.parts = { store, log, bus, 'bus with a log of a user': ownLog };
