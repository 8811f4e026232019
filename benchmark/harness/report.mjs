/** The page of results: one section a group, of which a run replaces those that it measured. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

import { describe } from '../rivals.mjs';
import { versionOf } from './machine.mjs';
import { table } from './table.mjs';

const HEAD = `# Benchmark results

Written by \`npm run bench\`; how to read it: [docs/benchmarks.md](../docs/benchmarks.md).
`;

/** A group's section: when and where, who took part and how set up, what came out. */
export function sectionOf({ title }, { rows, candidates, machine, trials, quick }) {
  const date = new Date().toISOString().slice(0, 16).replace('T', ' ');
  const set = candidates.map((name) => [name, versionOf(name) ?? '', describe(name)]);
  const kind = quick ? 'quick: these figures mean nothing' : `medians of ${trials} processes each`;
  return [
    `## ${title}`,
    `${date} UTC, ${machine}; ${kind}.`,
    table(rows),
    ...(quick ? [] : [`${countGoals(rows)}.`]),
    table(set, ['candidate', 'version', 'set up as']),
  ].join('\n\n');
}

/** Puts a new section in the place of the one with the same heading. */
export function writeResults(file, section) {
  const kept = new Map(existsSync(file) ? split(readFileSync(file, 'utf8')) : []);
  for (const [heading, text] of split(section)) kept.set(heading, text);
  writeFileSync(file, `${[HEAD.trimEnd(), ...kept.values()].join('\n\n')}\n`);
}

function split(page) {
  const parts = page.split(/^(?=## )/m).filter((part) => part.startsWith('## '));
  return parts.map((part) => [part.slice(0, part.indexOf('\n')), part.trimEnd()]);
}

/** How many goals there are, and how many are met. */
function countGoals(rows) {
  const goals = rows.map((row) => row.at(-1)).filter((cell) => cell !== '');
  return `${goals.filter((cell) => cell.includes('✓')).length} of ${goals.length} goals met`;
}
