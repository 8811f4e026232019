/** Calls that fail: the n-th one, for every n, and perhaps some or all that come after it. */
import { withBeginning } from '../machine/beginnings.mjs';
import { callsOf } from '../machine/calls.mjs';
import { runChild } from '../machine/child.mjs';
import { faultAt } from '../machine/strace.mjs';

/** What a write may say when the disk fails it. */
const TYPED = /^ERR_(?:IO|FULL|INDETERMINATE|BUSY)$/;

/** What the event loop wakes its threads with: it aborts where that fails. */
const NEEDED = 'write';

/**
 * From the n-th call of its kind on so many fail: with more than one, what sets right what the first has done fails as well.
 * What was acknowledged is readable all the while: the child looks. Afterwards, where there is one, writing goes on.
 */
export async function failAtCalls(subject, { random, error, ops, times = 1, prepared = false, most = Infinity }) {
  const counts = { faults: 0, acknowledged: 0, refused: 0, lost: 0 };
  const options = { seed: random.seed(), ops, lanes: 1 };
  await withBeginning(subject, options, prepared, async (begin) => {
    const calls = (await callsOf(subject, begin)).filter(({ call }) => call !== NEEDED);
    for (const { call, n } of random.shuffled(calls).slice(0, most)) {
      const under = faultAt(call, `error=${error}`, times === Infinity ? `${n}+` : `${n}..${n + times - 1}`);
      const said = [];
      try {
        await begin((...given) => failAt(subject, under, times === Infinity, said, counts, ...given));
      } catch (cause) {
        const where = `${error} at ${call} ${n}, times ${times}`;
        throw new Error(`${where}\n${said.join('\n')}`, { cause });
      }
      counts.faults += 1;
    }
  });
  return counts;
}

async function failAt(subject, under, forGood, said, counts, directory, oracle, words) {
  const hear = (line) => {
    said.push(line);
    oracle.hear(line);
  };
  const { how, complaint } = await runChild({ script: subject.script, words, env: subject.env, under, hear });
  if (how !== 0) throw new Error(`the child ended with ${how}\n${complaint}`);
  const odd = [...oracle.failures.keys()].find((code) => !TYPED.test(code));
  if (odd !== undefined) throw new Error(`a write failed with ${odd}`);
  const last = said.findLast((line) => /^(?:done|fail) /.test(line));
  // Each try to open has a thread of its own, whose calls are counted anew: none may have got through.
  const closed = said.some((line) => line.startsWith('read opening'));
  if (!forGood && !closed && last?.startsWith('done') !== true) throw new Error('writing did not go on afterwards');
  oracle.judge(await subject.look(directory));
  counts.acknowledged += oracle.acknowledged;
  for (const times of oracle.failures.values()) counts.refused += times;
}
