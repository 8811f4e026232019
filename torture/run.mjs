/**
 * `node torture/run.mjs [--short] [--seed=n] [--minutes=n] [scenario…]`: runs scenarios whose name begins with a given word,
 * or all; two at a time. Each prints a line with its seed: with that and its name it is run again. The last line is
 * `N passed, N failed`.
 */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { mayMount } from './machine/mounts.mjs';
import { Random } from './machine/random.mjs';
import { straceWorks } from './machine/strace.mjs';
import { scenarios } from './scenarios/index.mjs';

/** What not every machine has, and what is said where it is missing. */
const NEEDS = {
  strace: [straceWorks, 'strace does not work here'],
  mount: [mayMount, 'file systems can only be mounted by root'],
  prlimit: [() => spawnSync('prlimit', ['--version']).status === 0, 'prlimit is not there'],
};

/** Runs scenarios and prints a table of them; `{ passed, failed, skipped }`, the last a list of reasons. */
export async function torture({ names = [], short = false, seed = Math.floor(Math.random() * 2 ** 32), minutes } = {}) {
  const chosen = scenarios.filter(
    ({ name, short: some }) =>
      (names.length === 0 || names.some((word) => name.startsWith(word))) && (!short || some !== undefined),
  );
  if (chosen.length === 0)
    throw new Error(`no scenario begins so; there are ${scenarios.map(({ name }) => name).join(', ')}`);
  const result = { passed: 0, failed: 0, skipped: [] };
  const left = [...chosen];
  const lane = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift())
      await runOne(next, { short, seed, minutes }, result);
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(2, availableParallelism())) }, lane));
  return result;
}

const missing = new Map();

function reasonAgainst(needs) {
  for (const need of needs) {
    if (!missing.has(need)) missing.set(need, NEEDS[need][0]() ? null : NEEDS[need][1]);
    if (missing.get(need) !== null) return missing.get(need);
  }
  return null;
}

async function runOne({ name, what, subject, run, needs, short: some, long }, { short, seed, minutes }, result) {
  const reason = reasonAgainst(needs);
  if (reason !== null) {
    result.skipped.push(reason);
    console.log(`skipped  ${name}: ${reason}`);
    return;
  }
  const begun = performance.now();
  // Each has numbers of its own, whichever others are run.
  const random = new Random([...name].reduce((sum, letter) => Math.imul(sum, 31) + letter.charCodeAt(0), seed));
  const print = (word, told) => {
    const seconds = ((performance.now() - begun) / 1000).toFixed(1).padStart(6);
    console.log(`${word}  ${name.padEnd(34)} ${seconds} s  seed ${seed}  ${told}  (${what})`);
  };
  try {
    const amounts = { ...(short ? some : long), ...(minutes === undefined ? {} : { minutes }) };
    const counts = await run(subject, { random, ...amounts });
    result.passed += 1;
    print(
      'passed ',
      Object.entries(counts)
        .map(([key, count]) => `${key} ${count}`)
        .join(', '),
    );
  } catch (error) {
    result.failed += 1;
    print('FAILED ', '');
    console.log(error);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  // What is misspelt is refused: without its scenario the machine would run all of them, for hours.
  const { values, positionals: names } = parseArgs({
    options: { short: { type: 'boolean' }, seed: { type: 'string' }, minutes: { type: 'string' } },
    allowPositionals: true,
  });
  const { passed, failed } = await torture({
    names,
    short: values.short ?? false,
    ...(values.seed === undefined ? {} : { seed: Number(values.seed) }),
    minutes: values.minutes === undefined ? undefined : Number(values.minutes),
  });
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}
