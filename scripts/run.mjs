/**
 * Runs the suites it is given by name, all of them even when one fails, and ends with one line:
 * `N passed, N failed`. A suite that says no count has failed. Before it, what failed: a `✗` and lines that are set in.
 */
import { suites } from './suites.mjs';

let passed = 0;
let failed = 0;
const summary = [];
const failures = [];

for (const name of process.argv.slice(2)) {
  const suite = suites[name];
  if (suite === undefined) throw new Error(`no suite is called "${name}"; there are ${Object.keys(suites).join(', ')}`);
  console.log(`\n── ${name} ${'─'.repeat(Math.max(0, 76 - name.length))}`);
  const started = performance.now();
  const count = await suite();
  passed += count.passed;
  failed += count.failed;
  failures.push(...count.failures.map((failure) => `✗ ${name}: ${failure}`));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  summary.push(
    `${name.padEnd(10)} ${String(count.passed).padStart(5)} passed ${String(count.failed).padStart(3)} failed ${seconds.padStart(6)} s`,
  );
  if (name === 'build' && count.failed > 0) break; // Everything after it would test what was built before.
}

for (const failure of failures) console.log(`\n${failure}`);
console.log(`\n${summary.join('\n')}\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
