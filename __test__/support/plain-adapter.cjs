'use strict';

/** A storage adapter as a user might write it: plain JavaScript, one JSON file, no knowledge of this package. */
const fs = require('node:fs');

const compare = (a, b) => (a < b ? -1 : Number(a > b));

class JsonFileAdapter {
  constructor(file) {
    this.name = 'JsonFile';
    this.file = file;
    this.sessions = new Map();
    this.values = new Map();
  }

  async initialize() {
    if (!fs.existsSync(this.file)) return;
    const { sessions, values } = JSON.parse(fs.readFileSync(this.file, 'utf8'));
    this.sessions = new Map(sessions);
    this.values = new Map(values);
  }

  async close() {}

  async saveSession(id, session) {
    if (!Array.isArray(session.messages) || !(session.updatedAt instanceof Date)) throw new TypeError('no session');
    this.sessions.set(id, JSON.stringify(session));
    this.write();
  }

  async getSession(id) {
    if (!this.sessions.has(id)) return null;
    const session = JSON.parse(this.sessions.get(id));
    for (const message of session.messages) message.timestamp = new Date(message.timestamp);
    return { ...session, createdAt: new Date(session.createdAt), updatedAt: new Date(session.updatedAt) };
  }

  async deleteSession(id) {
    const there = this.sessions.delete(id);
    this.write();
    return there;
  }

  async listSessions(options = {}) {
    const { limit = Infinity, offset = 0, activeAgent, idPrefix = '', orderBy = 'updatedAt', order = 'desc' } = options;
    const { updatedAfter = -Infinity, updatedBefore = Infinity } = options;
    const { createdAfter = -Infinity, createdBefore = Infinity } = options;
    const all = [...this.sessions].map(([id, text]) => {
      const session = JSON.parse(text);
      return { ...session, id, updatedAt: Date.parse(session.updatedAt), createdAt: Date.parse(session.createdAt) };
    });
    const found = all
      .filter((session) => activeAgent === undefined || session.activeAgent === activeAgent)
      .filter((session) => session.id.startsWith(idPrefix))
      .filter((session) => session.updatedAt >= updatedAfter && session.updatedAt < updatedBefore)
      .filter((session) => session.createdAt >= createdAfter && session.createdAt < createdBefore)
      .sort((a, b) => compare(a[orderBy], b[orderBy]) || compare(a.id, b.id));
    if (order === 'desc') found.reverse();
    return found.slice(offset, offset + limit).map(({ id }) => id);
  }

  async set(key, value, ttl) {
    const end = ttl === undefined ? null : Date.now() + ttl * 1000;
    this.values.set(key, { text: JSON.stringify(value), end });
    this.write();
  }

  async get(key) {
    return this.lives(key) ? JSON.parse(this.values.get(key).text) : null;
  }

  async delete(key) {
    const there = this.lives(key);
    this.values.delete(key);
    this.write();
    return there;
  }

  async has(key) {
    return this.lives(key);
  }

  lives(key) {
    const value = this.values.get(key);
    return value !== undefined && (value.end === null || value.end > Date.now());
  }

  async clear() {
    this.sessions.clear();
    this.values.clear();
    this.write();
  }

  async getStats() {
    const sizeBytes = fs.existsSync(this.file) ? fs.statSync(this.file).size : 0;
    const keys = [...this.values.values()].filter(({ end }) => end === null || end > Date.now()).length;
    return { backend: 'json-file', sessions: this.sessions.size, keys, sizeBytes };
  }

  write() {
    const whole = { sessions: [...this.sessions], values: [...this.values] };
    fs.writeFileSync(this.file, JSON.stringify(whole));
  }
}

module.exports = { JsonFileAdapter };
