'use strict';

/**
 * Ends each call of one part of the package at each of its entries, alone and beside what is under way; then what comes next must
 * go on as if nothing had been. Prints how many entries there were, and where it did not.
 */
const { BY_CHANCE, endedAt } = require('./entered.cjs');
const { parts } = require('./ended-entries-parts.cjs');

/** What has not come by then hangs: an answer takes a few milliseconds. */
const LATE_MS = 1_500;
const NEVER = Symbol();

/** Where there is no time for all entries, each time others have their turn. */
const STEP = process.env.SMALLTALK_LONG === '1' ? 1 : 3;

async function inTime(what, promise) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, LATE_MS, NEVER)));
  const answer = await Promise.race([promise, late]);
  clearTimeout(timer);
  if (answer === NEVER) throw new Error(`${what} hangs`);
  return answer;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
/** What keeps the process alive, beside the binary. */
const timers = () => process.getActiveResourcesInfo().filter((name) => /Timeout|Immediate/.test(name)).length;

async function goesOn(part, one, before, answers, n) {
  await inTime('what was under way', Promise.allSettled(before));
  await inTime('the answer', Promise.allSettled(answers));
  await part.check(one, n, inTime);
  const end = performance.now() + LATE_MS;
  while (timers() > 0) {
    if (performance.now() > end) throw new Error('the process is kept alive');
    await turn();
  }
}

async function main(part, first) {
  const wrong = [];
  let entries = 0;
  process.on('unhandledRejection', (error) => wrong.push(`told to nobody: ${error.stack}`));
  for (const [beside, { begin, calls }] of Object.entries(part.beside)) {
    for (const name of calls ?? Object.keys(part.calls)) {
      let one = await part.make();
      for (let n = 1 + first, place = ''; place !== null; n += STEP) {
        const before = begin(one, n);
        const answers = [];
        // Whoever is ended in between has left the answer to nobody.
        place = endedAt(n, () => answers.push(part.calls[name](one, n)));
        if (place !== BY_CHANCE) entries += 1;
        try {
          await goesOn(part, one, before, answers, n);
          // Nobody was ended: then it does what it is to do.
          if (place === null) await Promise.all(answers);
        } catch (error) {
          wrong.push(`${name} ${beside}, ended at ${place}: ${error.message}`);
          one = await part.make();
        }
      }
      await part.close(one);
    }
  }
  console.log(JSON.stringify({ entries, wrong }));
}

main(parts[process.argv[2]], Math.floor(Math.random() * STEP)).catch((error) => {
  console.log(error);
  process.exit(1);
});
