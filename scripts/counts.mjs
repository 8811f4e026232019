/** Reads how many tests passed out of what the test tools print. */
import { readdirSync, readFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';

const EXPECTED_SKIPS = JSON.parse(readFileSync(new URL('../__test__/support/expected-skips.json', import.meta.url)));

/** Whether a reason to skip something is one that this machine may have. */
export const isExpectedSkip = (reason) => EXPECTED_SKIPS.includes(reason);

/** Each member is a pattern whose first group is a number; where a pattern is found often, the numbers are summed. */
const NEXTEST = {
  passed: /tests? run: (\d+) passed/g,
  failed: /(?<=tests? run: .*)(?<!\d)(\d+) (?:(?:exec )?failed|timed out)/g,
  skipped: /tests? run: .*?(\d+) skipped/g,
};
/** What a cargo run prints about a test that failed; nextest says it twice. */
const FAILED_TESTS =
  /^ *(?:(?:FAIL|TIMEOUT|SIG[A-Z]+|ABORT) \[.*?\] +(?:\([ \d/]+\) )?(.+)|test (.+) \.\.\. FAILED)$/gm;
const LIBTEST = { passed: /(\d+) passed;/g, failed: /; (\d+) failed;/g, skipped: /; (\d+) ignored;/g };

/** How many Rust tests say `#[ignore = "…"]` with a reason that is expected. */
export function expectedIgnores(folders = ['src', 'tests']) {
  const files = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true })
      .filter((name) => name.endsWith('.rs'))
      .map((name) => `${folder}/${name}`),
  );
  const reasons = files.flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/^\s*#\[ignore = "(.+)"\]$/gm)]);
  return reasons.filter(([, reason]) => EXPECTED_SKIPS.includes(reason)).length;
}

/**
 * The count of a cargo run, with the names of what failed; one that printed none, or skipped more tests than expected,
 * has one failure more.
 */
export function cargoCount({ code, output }, expectedSkips = 0) {
  const patterns = output.includes('Nextest run ID') ? NEXTEST : LIBTEST;
  const total = (pattern) => [...output.matchAll(pattern)].reduce((sum, [, number]) => sum + Number(number), 0);
  const count = { passed: total(patterns.passed), failed: total(patterns.failed) };
  const problems = [];
  if (output.search(patterns.passed) === -1) problems.push('it printed no count');
  const skipped = total(patterns.skipped);
  if (skipped > expectedSkips)
    problems.push(`it skipped ${skipped} tests, ${expectedSkips} are expected to be skipped`);
  if (code !== 0 && count.failed === 0) problems.push(`it ended with the code ${code}`);
  const names = [...output.matchAll(FAILED_TESTS)].map(([, nextest, libtest]) => nextest ?? libtest);
  return withProblems(count, problems, [...new Set(names)]);
}

/** The count of a Jest run, from the report it wrote, with what failed; a skip that nobody expected is a failure. */
export function jestCount(code, report) {
  if (report === null) return withProblems({ passed: 0, failed: 0 }, ['Jest wrote no report'], []);
  const count = { passed: report.numPassedTests, failed: report.numFailedTests + report.numRuntimeErrorTestSuites };
  const problems = [];
  const failures = [];
  for (const { name, message, assertionResults } of report.testResults) {
    // A file that could not be run has no results, only what it said.
    if (assertionResults.length === 0 && message) failures.push(`${name}\n${beginning(message)}`);
    for (const { status, fullName, failureMessages } of assertionResults) {
      if (status === 'failed') failures.push(`${name}: ${fullName}\n${beginning(failureMessages.join('\n'))}`);
      if (status === 'passed' || status === 'failed') continue;
      const reason = /\[skipped: (.+)\]$/.exec(fullName)?.[1];
      if (EXPECTED_SKIPS.includes(reason)) console.log(`skipped: ${fullName}`);
      else problems.push(`nobody expects this to be ${status}: ${fullName}`);
    }
  }
  if (code !== 0 && count.failed === 0) problems.push(`Jest ended with the code ${code}`);
  if (count.passed === 0) problems.push('no test ran');
  return withProblems(count, problems, failures);
}

/** As much of a message as says where to look. */
function beginning(message) {
  const lines = stripVTControlCharacters(message).trimEnd().split('\n');
  return lines
    .slice(0, 20)
    .map((line) => `    ${line}`)
    .join('\n');
}

/** Each problem is one failure more. `failures` says what failed, for whoever reads only the end of a long output. */
const withProblems = ({ passed, failed }, problems, failures) => ({
  passed,
  failed: failed + problems.length,
  failures: [...failures, ...problems],
});
