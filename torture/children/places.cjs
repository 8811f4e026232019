'use strict';

/** What a child writes to by keys: a store, or a log in which a key is a session, and its value that of the last event. */
const api = require('../../dist/index.js');

exports.placeOf = (adapter, options) => (adapter === undefined ? new Sessions(options) : new api[adapter](options));

class Sessions {
  constructor({ path: directory, ...options }) {
    this.log = new api.JsonlEventReplayStorage({ directory, cleanupIntervalMs: 0, ...options });
  }

  async set(key, payload) {
    await this.log.append(key, { topic: 'noted', payload });
  }

  async get(key) {
    for await (const { payload } of this.log.replay(key, { priority: 'all', last: 1 })) return payload;
    return null;
  }

  delete(key) {
    return this.log.eraseSession(key);
  }

  close() {
    return this.log.close();
  }
}
