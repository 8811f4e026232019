/** Ways to find the events of one topic in a log that is a file of JSON lines. Each gives how many it found. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

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
};
