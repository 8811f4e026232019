'use strict';

/** An event log as a user might write it: plain JavaScript, in memory, no knowledge of this package. */
const { randomUUID } = require('node:crypto');

const CRITICAL = ['agent_handoff', 'plan_created', 'user_interrupted', 'orchestration_decision'];

class MemoryLog {
  persistent = false; // what is appended is gone with the object
  #sessions = new Map(); // the events of each, as texts
  #lastSeq = 0; // of all sessions: so it is never given twice, whatever is cleaned up

  async append(sessionId, event) {
    const { topic, id = randomUUID(), timestamp = Date.now() } = event;
    const { priority = CRITICAL.includes(topic) ? 'critical' : 'normal' } = event;
    // A copy, as it is at the call; what a replayed event brings of another session is replaced.
    const text = JSON.stringify({ ...event, seq: this.#lastSeq + 1, id, timestamp, priority, sessionId });
    this.#lastSeq += 1; // no await before this: calls keep their order
    this.#sessions.set(sessionId, this.#sessions.get(sessionId) ?? []);
    this.#sessions.get(sessionId).push(text);
    return { seq: this.#lastSeq, id, timestamp };
  }

  async *replay(sessionId, options = {}) {
    const { since = -Infinity, until = Infinity, afterSeq = 0, priority = 'critical', topics, signal } = options;
    signal?.throwIfAborted();
    const found = (this.#sessions.get(sessionId) ?? [])
      .map((text) => JSON.parse(text))
      .filter((event) => event.timestamp >= since && event.timestamp <= until && event.seq > afterSeq)
      .filter((event) => priority === 'all' || event.priority === 'critical')
      .filter((event) => topics === undefined || topics.includes(event.topic));
    const { last = found.length, limit = last } = options;
    for (const event of found.slice(Math.max(0, found.length - last)).slice(0, limit)) {
      signal?.throwIfAborted();
      yield event;
    }
  }

  async cleanup(retentionMs) {
    const oldest = Date.now() - retentionMs;
    for (const [sessionId, texts] of this.#sessions) {
      const kept = texts.filter((text) => JSON.parse(text).timestamp >= oldest);
      if (kept.length > 0) this.#sessions.set(sessionId, kept);
      else this.#sessions.delete(sessionId);
    }
  }

  async sessions() {
    return [...this.#sessions.keys()];
  }

  async eraseSession(sessionId) {
    return this.#sessions.delete(sessionId);
  }

  async close() {}
}

module.exports = { MemoryLog };
