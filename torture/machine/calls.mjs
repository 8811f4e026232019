/** Which calls of a child change its files, as strace counts them: the n-th of its kind in its thread. */
import { readFileSync } from 'node:fs';

import { runChild } from './child.mjs';
import { recordCalls } from './strace.mjs';

const LINE = /^(\d+) +(\w+)\((.*)$/;

/** Runs the child once, and gives `{ call, n }` for each. */
export function callsOf(subject, begin) {
  return begin(async (directory, _, words) => {
    const record = `${directory}.calls`;
    const { how, complaint } = await runChild({
      script: subject.script,
      words,
      env: subject.env,
      under: recordCalls(record),
    });
    if (how !== 0) throw new Error(`the child ended with ${how}\n${complaint}`);
    const counts = new Map();
    const found = new Map();
    for (const line of readFileSync(record, 'utf8').split('\n')) {
      const [, pid, call, told] = LINE.exec(line) ?? [];
      if (pid === undefined) continue;
      const n = (counts.get(`${pid} ${call}`) ?? 0) + 1;
      counts.set(`${pid} ${call}`, n);
      if (told.includes(directory)) found.set(`${call} ${n}`, { call, n });
    }
    return [...found.values()];
  });
}
