/**
 * Everyone who is measured, and how they are set up: the one file to read before believing a figure. A candidate's code
 * uses these very `settings`, `always` or for the durability of the line, and they are printed with the results; `says` is
 * for what is no setting.
 */
export const OURS = 'smalltalk-native';

/** The pragmas of the origin's research; only `synchronous` follows the durability. */
const PRAGMAS = { journal_mode: 'WAL', cache_size: 10_000, temp_store: 'MEMORY', mmap_size: 30_000_000_000 };

export const rivals = {
  [OURS]: { says: 'defaults; durability as the line says; the bus records the last 1,000 events' },

  'node alone': { says: 'a process with nothing but its event loop and a timer' },
  'node:events': { says: 'bare: records nothing' },
  "origin's design": { says: 'EventEmitter, a ring of 1,000 and Date.now() for each event, as in the research' },
  "origin's monitor": { says: 'a map of last activities and a setInterval of 2 s for each agent, as in the research' },
  'one timer for all': { says: 'the same with one setInterval of 2 s, which looks at every agent' },
  'from inside the loop': { says: 'a setInterval of 50 ms that notices when it comes late' },
  eventemitter3: { package: 'eventemitter3', says: 'records nothing' },
  tseep: { package: 'tseep', says: 'records nothing' },
  mitt: { package: 'mitt', says: 'records nothing; takes one argument, so the two go as members of an object' },
  emittery: {
    package: 'emittery',
    says: 'records nothing; one argument as mitt; asynchronous, so each emit is awaited',
  },

  'better-sqlite3': {
    package: 'better-sqlite3',
    says: 'prepared statements, one transaction a write; JSON text, dates of messages revived',
    settings: {
      always: PRAGMAS,
      process: { synchronous: 'NORMAL' },
      power: { synchronous: 'FULL' },
    },
  },
  'file + rename': {
    says: 'a JSON file for each session or key, written under another name and renamed; dates of messages revived',
    settings: { process: { sync: false }, power: { sync: true } },
  },
  lmdb: {
    package: 'lmdb',
    says: 'its default encoding (MessagePack); a put is awaited, which is after the sync where there is one',
    settings: {
      process: { noSync: true },
      power: { overlappingSync: false },
    },
  },
  'classic-level': {
    package: 'classic-level',
    says: 'JSON values, dates of messages revived; the settings are those of each put',
    settings: {
      process: { sync: false },
      power: { sync: true },
    },
  },

  'fs.promises.appendFile': { says: 'one call an event, the path each time; no sync' },
  'FileHandle + datasync': { says: 'one handle a session, opened for appending; write, then datasync, for each event' },
  'read, split, parse, filter': { says: 'readFile as UTF-8 and JSON.parse of every line' },
  readline: { says: 'node:readline over a read stream, JSON.parse of every line' },

  'JSON.stringify': { says: 'the text of the record, which goes nowhere, and a call of the listener: the floor' },
  createWriteStream: { says: 'an EventEmitter and one write an event' },
  'fs.appendFileSync': { says: 'an EventEmitter and one call an event, to an open descriptor' },
  'sonic-boom': {
    package: 'sonic-boom',
    says: 'an EventEmitter and one write an event',
    settings: { always: { sync: false, minLength: 4096 } },
  },
};

/** What a candidate's code is to use. */
export function settingsOf(name, durability) {
  const { always, [durability]: special } = rivals[name].settings;
  return { ...always, ...special };
}

/** One candidate's set-up, in a line. */
export function describe(name) {
  const { says, settings = {} } = rivals[name];
  const list = (members) => Object.entries(members).map(([key, value]) => `${key} ${value}`);
  return [says, ...Object.entries(settings).map(([when, members]) => `${when}: ${list(members).join(', ')}`)].join(
    '; ',
  );
}
