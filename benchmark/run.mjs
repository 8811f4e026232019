/**
 * `npm run bench -- [group …] [--quick] [--trials n] [--only candidate,…] [--lines text] [--directory folder] [--out file]`
 * Measures and prints; a whole run also writes benchmark/results.md. Ends with 0 whatever the figures say.
 */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { groups } from './groups/index.mjs';
import { installRivals } from './harness/install.mjs';
import { describeMachine } from './harness/machine.mjs';
import { sectionOf, writeResults } from './harness/report.mjs';
import { measureLine } from './harness/schedule.mjs';
import { rowsOf } from './harness/table.mjs';
import { rivals } from './rivals.mjs';

const here = (file) => fileURLToPath(new URL(file, import.meta.url));

try {
  await main(readOptions());
} catch (error) {
  // Where a trial failed, the message holds the stack of its process; that of this one would say nothing.
  console.error(error.message);
  process.exitCode = 1;
}

async function main(options) {
  if (!existsSync(here('../dist/index.mjs'))) throw new Error('there is nothing to measure yet: npm run build');
  const measured = options.groups.map((name) => groups[name]);
  const everyone = measured.flatMap(({ lines }) => lines.flatMap((line) => chosen(line, options)));
  if (everyone.length === 0) throw new Error(`nothing of that is in ${options.groups.join(', ')}`);
  await installRivals(everyone);

  for (const name of options.groups) {
    const text = await measureGroup(name, options);
    console.log(`\n${text}`);
    // After each group: the next one may take minutes, and may fail.
    if (options.out !== null) writeResults(options.out, text);
  }
  if (options.out !== null) console.log(`\nWritten to ${options.out}`);
}

async function measureGroup(name, options) {
  const group = groups[name];
  const rows = [];
  for (const line of group.lines) {
    const candidates = chosen(line, options);
    if (candidates.length === 0) continue;
    const results = await measureLine(name, line, candidates, options);
    rows.push(...rowsOf(line, results, !options.quick));
  }
  options.progress('');
  const candidates = [...new Set(group.lines.flatMap((line) => chosen(line, options)))];
  return sectionOf(group, { rows, candidates, machine: describeMachine(options.directory), ...options });
}

function chosen({ title, candidates }, { only, lines }) {
  if (!title.includes(lines)) return [];
  return only === null ? candidates : candidates.filter((name) => only.includes(name));
}

function readOptions() {
  const text = { type: 'string' };
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { quick: { type: 'boolean' }, trials: text, only: text, lines: text, directory: text, out: text },
  });
  const { quick = false, directory = tmpdir(), lines = '' } = values;
  const only = values.only?.split(',') ?? null;
  const trials = Number(values.trials ?? (quick ? 1 : 5));
  if (!Number.isInteger(trials) || trials < 1) throw new Error('--trials must be a whole number from 1');
  known('group', positionals, groups);
  known('candidate', only ?? [], rivals);
  const isWhole = !quick && only === null && lines === '';
  const out = values.out ?? (isWhole ? here('./results.md') : null);
  return {
    groups: positionals.length > 0 ? positionals : Object.keys(groups),
    ...{ quick, trials, only, lines, directory, out, progress },
  };
}

function known(what, names, all) {
  const stranger = names.find((name) => !Object.hasOwn(all, name));
  if (stranger === undefined) return;
  throw new Error(`no ${what} is called "${stranger}"; there are ${Object.keys(all).join(', ')}`);
}

/** One line that is written over, on a terminal only. */
function progress(text) {
  if (process.stderr.isTTY === true) process.stderr.write(`\r\u001b[2K${text}`);
}
