/** Ways to find the events of one topic in a log that is a file of JSON lines. Each gives how many it found. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { settingsOf } from '../rivals.mjs';

export const readers = {
  'smalltalk-native': async ({ log, session, topic }) => {
    let found = 0;
    for await (const event of log.replay(session, { priority: 'all', topics: [topic] }))
      found += Number(event.topic === topic);
    return found;
  },

  'read, split, parse, filter': async ({ file, topic }) => {
    const lines = (await readFile(file, 'utf8')).split('\n');
    lines.pop();
    return lines.map((line) => JSON.parse(line)).filter((event) => event.topic === topic).length;
  },

  readline: async ({ file, topic }) => {
    let found = 0;
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
      if (JSON.parse(line).topic === topic) found += 1;
    }
    return found;
  },

  'better-sqlite3': async ({ rows, topic }) => {
    let found = 0;
    for (const { event } of rows.iterate(topic)) found += Number(JSON.parse(event).topic === topic);
    return found;
  },
};

/** What a reader needs before it reads: the events as rows, where it reads rows. */
export async function prepareReader(candidate, { directory, file }) {
  if (candidate !== 'better-sqlite3') return undefined;
  const { default: Database } = await import('better-sqlite3');
  const database = new Database(join(directory, 'events.db'));
  for (const [pragma, value] of Object.entries(settingsOf('better-sqlite3', 'process'))) {
    database.pragma(`${pragma} = ${value}`);
  }
  database.exec('CREATE TABLE events (seq INTEGER PRIMARY KEY, topic TEXT NOT NULL, event TEXT NOT NULL)');
  database.exec('CREATE INDEX by_topic ON events (topic)');
  const insert = database.prepare('INSERT INTO events VALUES (?, ?, ?)');
  database.exec('BEGIN');
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    const { seq, topic } = JSON.parse(line);
    insert.run(seq, topic, line);
  }
  database.exec('COMMIT');
  return database.prepare('SELECT event FROM events WHERE topic = ? ORDER BY seq');
}
