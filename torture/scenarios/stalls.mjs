/** A disk that says nothing for a while. */
import { fileURLToPath } from 'node:url';

import { runChild } from '../machine/child.mjs';
import { Oracle } from '../machine/oracle.mjs';
import { inDirectory } from '../machine/places.mjs';
import { stallSyncs } from '../machine/strace.mjs';

const script = fileURLToPath(new URL('../children/stalled.cjs', import.meta.url));

const QUEUE_BYTES = 16 * 2 ** 20;
/** What a process may take beside what is queued. */
const BESIDE_MB = 32;

/**
 * What was begun is unknown, what was queued is withdrawn, what is too much is refused; nobody waits for longer than the
 * time-out, what was acknowledged is readable, and writing goes on when the disk is back.
 */
export async function stallDisk(subject, { stallMs, timeoutMs }) {
  return inDirectory(async (directory) => {
    const oracle = new Oracle();
    const said = [];
    const codes = new Map();
    let end;
    const hear = (line, child) => {
      said.push(line);
      oracle.hear(line);
      const [word, object, state, code] = line.split(' ');
      if (word !== 'begin' && object === 'key-0') codes.set(state, code ?? word);
      if (line === 'read ready') {
        void stallSyncs(child.pid, stallMs).then((stop) => {
          end = stop;
          child.stdin.write('stall\n');
        });
      } else if (line === 'read over') void end().then(() => child.stdin.write('go on\n'));
    };
    const words = subject.words(directory, { timeoutMs, maxQueueBytes: QUEUE_BYTES, flood: 1_000 });
    const hungMs = 60_000 + 4 * stallMs;
    const { how, complaint } = await runChild({
      script,
      words,
      hear,
      nodeOptions: ['--expose-gc'],
      hungMs,
    });
    const told = `${said.join('\n')}\n${complaint}`;
    if (how !== 0) throw new Error(`the child ended with ${how}\n${told}`);
    const begun = codes.get('2');
    const queued = ['3', '4', '5'].map((state) => codes.get(state));
    if (begun !== 'ERR_INDETERMINATE') throw new Error(`what was begun ended with ${begun}\n${told}`);
    if (queued.some((code) => code !== 'ERR_TIMEOUT')) throw new Error(`what was queued ended with ${queued}\n${told}`);
    const [, , waitedMs, grownMb, refused] = said
      .find((line) => line.startsWith('read stall'))
      .split(' ')
      .map(Number);
    if (grownMb > QUEUE_BYTES / 2 ** 20 + BESIDE_MB) throw new Error(`it grew by ${grownMb} MB\n${told}`);
    if (refused === 0) throw new Error(`nothing was refused\n${told}`);
    if (!said.includes('read values 1 1 1')) throw new Error(`what was acknowledged cannot be read\n${told}`);
    if (!said.some((line) => line.startsWith('done key-9'))) throw new Error(`writing did not go on\n${told}`);
    const keys = ['key-0', 'key-1', 'key-2', 'key-3', 'key-9'];
    oracle.judge(await subject.lookAtKeys(directory, keys, (key) => oracle.ever(key)));
    return { waitedMs, grownMb, refused, lost: 0 };
  });
}
