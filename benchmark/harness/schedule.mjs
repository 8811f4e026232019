/** Which trial runs when: each in a process of its own, the candidates of a line in turn, so that noise hits them all. */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { summary } from './statistics.mjs';

const CHILD = fileURLToPath(new URL('./child.mjs', import.meta.url));
const LIMIT_MS = 300_000;

/** One line of a group: for each candidate its times, and its holds of the loop where the line measures them. */
export async function measureLine(group, line, candidates, { trials, quick, directory, progress }) {
  const samples = new Map(candidates.map((candidate) => [candidate, []]));
  const wanted = Math.min(trials, line.trials ?? trials);
  for (let trial = 0; trial < wanted; trial += 1) {
    // Each round begins with another one: to go first is not always the same candidate's luck.
    const first = trial % candidates.length;
    for (const candidate of [...candidates.slice(first), ...candidates.slice(0, first)]) {
      progress(`${line.title}: ${trial + 1}/${wanted} ${candidate}`);
      const place = mkdtempSync(join(directory, 'smalltalk-bench-'));
      try {
        const task = { group, line: line.title, candidate, directory: place, quick };
        samples.get(candidate).push(await runTrial(task));
      } finally {
        rmSync(place, { recursive: true, force: true });
      }
    }
  }
  return candidates.map((candidate) => ({ candidate, ...combine(samples.get(candidate)) }));
}

function runTrial(task) {
  return new Promise((resolve, reject) => {
    const child = fork(CHILD, [], { execArgv: ['--expose-gc'], timeout: LIMIT_MS });
    let answer;
    child.on('message', (message) => (answer = message));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (answer?.measured !== undefined && code === 0) return resolve(answer.measured);
      const why = answer?.failure ?? `its process ended with ${signal ?? code}`;
      reject(new Error(`${task.candidate} failed at "${task.line}": ${why}`));
    });
    child.send(task);
  });
}

function combine(samples) {
  const holds = samples.map(({ stallMs }) => stallMs).filter((hold) => hold !== undefined);
  return {
    time: summary(samples.map(({ ns }) => ns)),
    hold: holds.length === 0 ? null : summary(holds),
  };
}
