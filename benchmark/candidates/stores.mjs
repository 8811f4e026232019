/**
 * Stores behind the calls that the trials make. Each is opened for a durability and works in its own manner: a synchronous
 * store answers with the value, an asynchronous one with a promise.
 */
import { mkdirSync } from 'node:fs';
import { open as openFile, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';

import { settingsOf } from '../rivals.mjs';

export const stores = {
  'smalltalk-native': async (directory, durability) => {
    const { SQLiteStorageAdapter } = await import('./ours.mjs');
    const store = new SQLiteStorageAdapter({ path: join(directory, 'sessions.db'), durability });
    await store.initialize();
    return store;
  },

  'better-sqlite3': async (directory, durability) => {
    const { default: Database } = await import('better-sqlite3');
    const database = new Database(join(directory, 'sessions.db'));
    for (const [pragma, value] of Object.entries(settingsOf('better-sqlite3', durability))) {
      database.pragma(`${pragma} = ${value}`);
    }
    return sqliteStore(database);
  },

  lmdb: async (directory, durability) => {
    const { open } = await import('lmdb');
    const database = open({ path: join(directory, 'lmdb'), ...settingsOf('lmdb', durability) });
    return {
      set: (key, value) => database.put(key, value),
      get: (key) => database.get(key),
      saveSession: (id, session) => database.put(id, session),
      getSession: (id) => database.get(id),
      close: () => database.close(),
    };
  },

  'classic-level': async (directory, durability) => {
    const { ClassicLevel } = await import('classic-level');
    const database = new ClassicLevel(join(directory, 'level'), { valueEncoding: 'json' });
    await database.open();
    const options = settingsOf('classic-level', durability);
    return {
      set: (key, value) => database.put(key, value, options),
      get: (key) => database.get(key),
      saveSession: (id, session) => database.put(id, session, options),
      getSession: async (id) => revive(await database.get(id)),
      close: () => database.close(),
    };
  },

  'file + rename': (directory, durability) =>
    fileStore(join(directory, 'files'), settingsOf('file + rename', durability)),
};

/** A file each, written under another name, synced where the settings say so, and renamed. */
function fileStore(directory, { sync }) {
  mkdirSync(directory);
  let written = 0;
  async function write(name, value) {
    const temporary = join(directory, `${name}.${(written += 1)}`);
    const file = await openFile(temporary, 'wx');
    try {
      await file.writeFile(JSON.stringify(value));
      if (sync) await file.datasync();
    } finally {
      await file.close();
    }
    await rename(temporary, join(directory, name));
  }
  const read = async (name) => JSON.parse(await readFile(join(directory, name), 'utf8'));
  return {
    set: (key, value) => write(`key-${key}`, value),
    get: (key) => read(`key-${key}`),
    saveSession: (id, session) => write(id, session),
    getSession: async (id) => revive(await read(id)),
    close: () => undefined,
  };
}

/** The origin's table for sessions, and one for keys. */
function sqliteStore(database) {
  database.exec(
    `CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, data TEXT NOT NULL, active_agent TEXT, created_at INTEGER NOT NULL,
                            updated_at INTEGER NOT NULL);
     CREATE INDEX IF NOT EXISTS idx_sessions_updated ON sessions(updated_at);
     CREATE INDEX IF NOT EXISTS idx_sessions_active_agent ON sessions(active_agent);
     CREATE TABLE IF NOT EXISTS keys (key TEXT PRIMARY KEY, value TEXT NOT NULL);`,
  );
  const setKey = database.prepare('INSERT OR REPLACE INTO keys VALUES (?, ?)');
  const getKey = database.prepare('SELECT value FROM keys WHERE key = ?').pluck();
  const save = database.prepare('INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?)');
  const load = database.prepare('SELECT data FROM sessions WHERE id = ?').pluck();
  return {
    set: (key, value) => void setKey.run(key, JSON.stringify(value)),
    get: (key) => JSON.parse(getKey.get(key)),
    saveSession(id, session) {
      const { activeAgent, createdAt, updatedAt } = session;
      save.run(id, JSON.stringify(session), activeAgent, createdAt.getTime(), updatedAt.getTime());
    },
    getSession: (id) => revive(JSON.parse(load.get(id))),
    close: () => database.close(),
  };
}

/** A session comes back with dates, as it went: we give them, and whoever uses plain JSON has to make them. */
function revive(session) {
  session.createdAt = new Date(session.createdAt);
  session.updatedAt = new Date(session.updatedAt);
  for (const message of session.messages) message.timestamp = new Date(message.timestamp);
  return session;
}
