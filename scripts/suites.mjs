/**
 * What `npm test` and `npm run check` are made of. Each suite runs real tools and gives `{ passed, failed, failures }`,
 * the last a text for each of what failed.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { cargoCount, expectedIgnores, isExpectedSkip, jestCount } from './counts.mjs';
import { run, runTool } from './process.mjs';

/** The core alone: its tests need no Node, and the addon's symbols exist only inside of it. */
const CORE = '--no-default-features';
const PLAIN = { env: { CARGO_TERM_COLOR: 'never' } };
const GENERATED = ['index.js', 'index.d.ts'];

const cargo = (...words) => run('cargo', words, PLAIN);
const npm = (script) => run('npm', ['run', '--silent', script]);
const tsc = (project) => runTool('typescript/bin/tsc', ['-p', project]);

/** Commands that print no count: each is one check. */
async function checks(...commands) {
  const failures = [];
  for (const command of commands) {
    const { code, words } = await command();
    if (code !== 0) failures.push(`${words.join(' ')} (code ${code})`);
  }
  return { passed: commands.length - failures.length, failed: failures.length, failures };
}

const plus = (a, b) => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  failures: [...a.failures, ...b.failures],
});

async function rust() {
  const nextest = await run('cargo', ['nextest', '--version'], { quiet: true });
  const tests =
    nextest.code === 0
      ? await cargo('nextest', 'run', '--no-fail-fast', CORE)
      : await cargo('test', '--no-fail-fast', '--lib', '--tests', CORE);
  return plus(cargoCount(tests, expectedIgnores()), cargoCount(await cargo('test', '--doc', CORE)));
}

async function jest() {
  const folder = mkdtempSync(path.join(tmpdir(), 'smalltalk-native-jest-'));
  const report = path.join(folder, 'report.json');
  const { code } = await runTool('jest/bin/jest.js', ['--json', '--outputFile', report], { mute: 'stdout' });
  const count = jestCount(code, existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : null);
  rmSync(folder, { recursive: true, force: true });
  return count;
}

/** The generated files are committed: made anew, they must be what git has. */
async function generated() {
  for (const file of GENERATED) rmSync(file, { force: true });
  return checks(
    () => npm('build:native'),
    () => run('git', ['diff', '--exit-code', '--', ...GENERATED]),
    () => run('git', ['ls-files', '--error-unmatch', '--', ...GENERATED]),
  );
}

/** Faults of all kinds, as many as fit into two minutes. What a machine cannot run is among what is expected to be skipped. */
async function torture() {
  const report = await run(process.execPath, ['torture/run.mjs', '--short'], {});
  const [, passed, failed] = /(\d+) passed, (\d+) failed\s*$/.exec(report.output) ?? [null, 0, 1];
  const reasons = [...report.output.matchAll(/^skipped {2}\S+: (.+)$/gm)].map(([, reason]) => reason);
  const surprises = reasons.filter((reason) => !isExpectedSkip(reason));
  const failures = [...report.output.matchAll(/^FAILED .*$/gm)].map(([line]) => line);
  return {
    passed: Number(passed),
    failed: Math.max(Number(failed), report.code === 0 ? 0 : 1) + surprises.length,
    failures: [...failures, ...surprises.map((reason) => `nobody expects this to be skipped: ${reason}`)],
  };
}

/** Each target for a while. It takes a nightly compiler and cargo-fuzz; where they are not, nothing is said to have passed. */
async function fuzz() {
  const tool = await run('cargo', ['+nightly', 'fuzz', '--version'], { quiet: true });
  if (tool.code !== 0) {
    console.log('not run: cargo-fuzz, or a nightly compiler, is not installed');
    return { passed: 0, failed: 0, failures: [] };
  }
  const seconds = process.env.SMALLTALK_FUZZ_SECONDS ?? '20';
  const target = (name) => () =>
    cargo(
      '+nightly',
      'fuzz',
      'run',
      // There is nothing for one to find: the core has no `unsafe`, and SQLite's C is compiled without.
      '--sanitizer=none',
      name,
      '--',
      `-max_total_time=${seconds}`,
      '-max_len=2048',
      '-verbosity=0',
      '-print_final_stats=1',
    );
  return checks(...FUZZ_TARGETS.map(target));
}

/** Their sources are in `fuzz/fuzz_targets`. */
const FUZZ_TARGETS = ['lines', 'ids', 'rows'];

export const suites = {
  format: () =>
    checks(
      () => runTool('prettier/bin/prettier.cjs', ['--check', '.']),
      () => cargo('fmt', '--check'),
    ),
  lint: () =>
    checks(
      () => runTool('eslint/bin/eslint.js', ['.']),
      () => cargo('clippy', '--all-targets', '--', '-D', 'warnings'),
      () => cargo('clippy', '--all-targets', CORE, '--', '-D', 'warnings'),
    ),
  build: () => checks(() => npm('build')),
  generated,
  rust,
  types: () =>
    checks(
      () => tsc('__test__/tsconfig.json'),
      () => tsc('__test__/types/tsconfig.json'),
    ),
  jest,
  torture,
  fuzz,
};
