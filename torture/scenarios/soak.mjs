/** Everything, for as long as one likes: a fault about every so many seconds, and the same store all the while. */
import { killAll, runChild } from '../machine/child.mjs';
import { Oracle } from '../machine/oracle.mjs';
import { inDirectory } from '../machine/places.mjs';
import { CHANGES, faultAt } from '../machine/strace.mjs';

/** What happens to a life, and how long it may take. */
const ENDS = ['kill', 'error', 'leave'];

/** strace's child with it: it would go on alone. */
function endAll(child, how) {
  if (how === 'leave') child.kill('SIGTERM');
  else killAll(child);
}

export async function soak(subject, { random, minutes, everySeconds }) {
  const end = performance.now() + minutes * 60_000;
  const counts = { lives: 0, acknowledged: 0, refused: 0, lost: 0 };
  return inDirectory(async (directory) => {
    const oracle = new Oracle();
    for (; performance.now() < end; counts.lives += 1) {
      const how = random.pick(ENDS);
      const calls = CHANGES.filter((call) => call !== 'write');
      const fault = () =>
        faultAt(random.pick(calls), `error=${random.pick(['EIO', 'ENOSPC'])}`, `${20 + random.below(400)}`);
      let begun = null;
      const hear = (line, child) => {
        oracle.hear(line);
        begun ??= setTimeout(() => endAll(child, how), everySeconds * 1000);
      };
      const words = subject.words(directory, { seed: random.seed(), first: (counts.lives + 1) * 1_000_000 });
      await runChild({
        script: subject.script,
        words,
        hear,
        under: how === 'error' ? fault() : [],
        env: how === 'error' ? subject.env : {},
        hungMs: 60_000 + everySeconds * 1_000,
      });
      clearTimeout(begun);
      const found = await subject.look(directory);
      oracle.judge(found);
      oracle.settle(found);
    }
    counts.acknowledged = oracle.acknowledged;
    counts.refused = [...oracle.failures.values()].reduce((sum, times) => sum + times, 0);
    return counts;
  });
}
