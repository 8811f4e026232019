/** Kills: at a moment that nobody chose, and at each call that changes a file. */
import { withBeginning } from '../machine/beginnings.mjs';
import { callsOf } from '../machine/calls.mjs';
import { runChild } from '../machine/child.mjs';
import { Oracle } from '../machine/oracle.mjs';
import { inDirectory, withPlace } from '../machine/places.mjs';
import { faultAt } from '../machine/strace.mjs';

/** The kill comes up to this long after the acknowledgement that it waits for. */
const LATEST_MS = 5;

/** So many lives share a place: what has to be looked at after each grows with them. */
const LIVES = 200;

/** A child is killed again and again, and each time what it acknowledged is there. */
export async function killAtRandom(subject, { random, kills }) {
  const counts = { kills: 0, acknowledged: 0, lost: 0 };
  while (counts.kills < kills) {
    const lives = Math.min(LIVES, kills - counts.kills);
    await inDirectory((parent) =>
      withPlace(subject, parent, async (directory) => {
        counts.acknowledged += await killAgainAndAgain(subject, random, directory, lives);
      }),
    );
    counts.kills += lives;
  }
  return counts;
}

/** Gives how much was acknowledged. */
async function killAgainAndAgain(subject, random, directory, lives) {
  const oracle = new Oracle();
  for (let life = 0; life < lives; life += 1) {
    const enough = 1 + random.below(30);
    const latest = random.next() * LATEST_MS;
    let [done, killing] = [0, false];
    const hear = (line, child) => {
      oracle.hear(line);
      done += line.startsWith('done') ? 1 : 0;
      if (done < enough || killing) return;
      killing = true;
      setTimeout(() => child.kill('SIGKILL'), latest);
    };
    const words = subject.words(directory, { seed: random.seed(), first: life * 1_000_000 });
    const { how, complaint } = await runChild({ script: subject.script, words, hear });
    if (how !== 'SIGKILL') throw new Error(`the child ended by itself (${how})\n${complaint}`);
    const found = await subject.look(directory);
    oracle.judge(found);
    oracle.settle(found);
  }
  return oracle.acknowledged;
}

/** A child is killed at each call that changes a file, or at so many of them. */
export async function killAtCalls(subject, { random, ops, prepared = false, most = Infinity }) {
  const counts = { kills: 0, acknowledged: 0, lost: 0 };
  const options = { seed: random.seed(), ops, lanes: 1 };
  await withBeginning(subject, options, prepared, async (begin) => {
    const calls = random.shuffled(await callsOf(subject, begin)).slice(0, most);
    for (const { call, n } of calls) {
      try {
        await begin((...given) => killAt(subject, faultAt(call, 'signal=SIGKILL', n), counts, ...given));
      } catch (cause) {
        throw new Error(`killed at ${call} ${n}`, { cause });
      }
    }
    // Two runs differ a little: some calls do not come.
    if (counts.kills < calls.length / 2) throw new Error(`only ${counts.kills} of ${calls.length} met their call`);
  });
  return counts;
}

async function killAt(subject, under, counts, directory, oracle, words) {
  const hear = (line) => oracle.hear(line);
  const { how, complaint } = await runChild({ script: subject.script, words, env: subject.env, under, hear });
  if (how !== 'SIGKILL' && how !== 0) throw new Error(`the child ended with ${how}\n${complaint}`);
  oracle.judge(await subject.look(directory));
  counts.acknowledged += oracle.acknowledged;
  counts.kills += how === 'SIGKILL' ? 1 : 0;
}
