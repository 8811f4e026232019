/** What is tortured: how its child is run, and how to look at what it has left. More of them can be added here as data. */
import { consumerSubject, logSubject } from './log.mjs';
import { storageSubject } from './storage.mjs';

/**
 * A subject has a `name`, the `script` of its child with its `words`, the `durability` of what that acknowledges, and
 * `look(directory)`, which gives the state of each object that it finds, or throws where one is damaged. What it wants to
 * be around a directory, such as a disk for its archive, is there `within(directory, work)`.
 */
export const subjects = Object.fromEntries(
  [
    storageSubject('sqlite', 'SQLiteStorageAdapter', 'power'),
    storageSubject('sqlite', 'SQLiteStorageAdapter', 'process'),
    storageSubject('file', 'FileStorageAdapter', 'power'),
    storageSubject('file', 'FileStorageAdapter', 'process'),
    logSubject('power'),
    logSubject('process'),
    logSubject('process', { gaps: true }),
    logSubject('power', { elsewhere: true }),
    logSubject('power', { many: true }),
    consumerSubject('power'),
  ].map((subject) => [subject.name, subject]),
);
