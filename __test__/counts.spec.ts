/** The runner must not take a suite that said nothing, skipped a test or died for one that passed. */
import path from 'node:path';

import { runNode } from './support/child';
import { ROOT } from './support/consumer';

const NEXTEST = 'Nextest run ID 0\n     Summary [   0.016s] ';
const report = (numPassedTests: number, assertionResults: unknown[] = []) => ({
  numPassedTests,
  numFailedTests: 0,
  numRuntimeErrorTestSuites: 0,
  testResults: [{ assertionResults }],
});

/** Calls a function of `scripts/counts.mjs`, which is an ES module, in a process that can load one. */
async function count(name: 'cargoCount' | 'jestCount', ...args: unknown[]): Promise<unknown> {
  const script = `import { ${name} } from './scripts/counts.mjs';
    console.log(JSON.stringify(${name}(...${JSON.stringify(args)})));`;
  const { output } = await runNode(['--input-type=module', '--eval', script], { cwd: path.resolve(ROOT) });
  return JSON.parse(output.trim().split('\n').at(-1) ?? '');
}

test.each([
  ['all passed', { code: 0, output: `${NEXTEST}6 tests run: 6 passed, 0 skipped` }, 6, 0],
  ['one failed', { code: 100, output: `${NEXTEST}6 tests run: 5 passed (1 slow), 1 failed, 0 skipped` }, 5, 1],
  ['one timed out', { code: 100, output: `${NEXTEST}6 tests run: 5 passed, 1 timed out, 0 skipped` }, 5, 1],
  ['one was skipped', { code: 0, output: `${NEXTEST}5 tests run: 5 passed, 1 skipped` }, 5, 1],
  ['it did not compile', { code: 101, output: 'error: could not compile' }, 0, 2],
  ['it printed nothing', { code: 0, output: '' }, 0, 1],
  [
    'libtest, two binaries',
    { code: 0, output: 'ok. 2 passed; 0 failed; 0 ignored;\nok. 3 passed; 0 failed; 0 ignored;' },
    5,
    0,
  ],
  ['libtest, one ignored', { code: 0, output: 'ok. 2 passed; 0 failed; 1 ignored;' }, 2, 1],
])('cargo: %s', async (_what, ran, passed, failed) => {
  expect(await count('cargoCount', ran)).toMatchObject({ passed, failed });
});

test('cargo: as many ignored tests as are expected', async () => {
  const ran = { code: 0, output: `${NEXTEST}5 tests run: 5 passed, 1 skipped` };
  expect(await count('cargoCount', ran, 1)).toEqual({ passed: 5, failed: 0, failures: [] });
});

test.each([
  ['all passed', 0, report(3), 3, 0],
  ['no report', 1, null, 0, 1],
  ['nothing ran', 0, report(0), 0, 1],
  ['it died after its tests', 1, report(3), 3, 1],
  ['a skip that nobody expects', 0, report(3, [{ status: 'pending', fullName: 'x [skipped: no reason]' }]), 3, 1],
  ['a test that is still to be written', 0, report(3, [{ status: 'todo', fullName: 'x' }]), 3, 1],
])('Jest: %s', async (_what, code, written, passed, failed) => {
  expect(await count('jestCount', code, written)).toMatchObject({ passed, failed });
});

test('cargo: what failed is named, once', async () => {
  const nextest = [
    '        FAIL [   0.005s] (12/13) smalltalk-native event_log::tests::one',
    ' TERMINATING [> 60.000s] (13/13) smalltalk-native event_log::tests::two',
    '     TIMEOUT [  60.010s] (13/13) smalltalk-native event_log::tests::two',
    `${NEXTEST}13 tests run: 11 passed, 1 failed, 1 timed out, 0 skipped`,
    '        FAIL [   0.005s] (12/13) smalltalk-native event_log::tests::one',
  ].join('\n');
  expect(await count('cargoCount', { code: 100, output: nextest })).toEqual({
    passed: 11,
    failed: 2,
    failures: ['smalltalk-native event_log::tests::one', 'smalltalk-native event_log::tests::two'],
  });
  const libtest = 'test a::b ... ok\ntest a::c ... FAILED\ntest result: FAILED. 1 passed; 1 failed; 0 ignored;';
  expect(await count('cargoCount', { code: 101, output: libtest })).toMatchObject({ failed: 1, failures: ['a::c'] });
});

test('Jest: what failed is named with where it is and what it said; a file that did not run is, too', async () => {
  const failing = {
    status: 'failed',
    fullName: 'saves all',
    failureMessages: ['\u001b[31mError: no\u001b[39m\n  at x'],
  };
  const written = {
    numPassedTests: 1,
    numFailedTests: 1,
    numRuntimeErrorTestSuites: 1,
    testResults: [
      { name: 'a.spec.ts', message: 'Error: no', assertionResults: [{ status: 'passed', fullName: 'x' }, failing] },
      { name: 'b.spec.ts', message: 'it does not compile', assertionResults: [] },
    ],
  };
  expect(await count('jestCount', 1, written)).toEqual({
    passed: 1,
    failed: 2,
    failures: ['a.spec.ts: saves all\n    Error: no\n      at x', 'b.spec.ts\n    it does not compile'],
  });
});
