/** The harness measures and tells it honestly; what it measured is nobody's business here. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { runNode } from './support/child';
import { temporaryDirectory } from './support/temporary';

const ROOT = path.join(__dirname, '..');
const BENCHMARK = path.join(ROOT, 'benchmark');
const PAIR = ['smalltalk-native', 'node:events'];
const FIGURE = { duration: /^\d+(\.\d+)? (ns|µs|ms|s)$/, count: /^\d+(\.\d+)?$/ };

interface Line {
  title: string;
  trial: string;
  candidates: string[];
  goals?: Record<string, [string, number]>;
  show?: 'duration' | 'count';
  difference?: boolean;
}
interface Plan {
  groups: Record<string, { title: string; lines: Line[] }>;
  rivals: Record<string, { says: string; package?: string }>;
}

const bench = (...words: string[]) => runNode(['benchmark/run.mjs', ...words], { cwd: ROOT });
const readJson = (file: string) => JSON.parse(readFileSync(path.join(ROOT, file), 'utf8'));

/** What an expression gives in which modules of the harness are at hand: they are ES modules, which Jest is not. */
async function evaluate<T>(names: string, module: string, expression: string): Promise<T> {
  const program = `import { ${names} } from './benchmark/${module}'; console.log(JSON.stringify(${expression}))`;
  const { code, output } = await runNode(['--input-type=module', '--eval', program], { cwd: ROOT });
  if (code !== 0) throw new Error(output);
  return JSON.parse(output) as T;
}

async function plan(): Promise<Plan> {
  const groups = await evaluate<Plan['groups']>('groups', 'groups/index.mjs', 'groups');
  const rivals = await evaluate<Plan['rivals']>('rivals', 'rivals.mjs', 'rivals');
  return { groups, rivals };
}

/** The cells of each row below the head of a page's first table. */
function firstTable(page: string): string[][] {
  const [first = ''] = /^\|.*(\n\|.*)*/m.exec(page) ?? [];
  const rows = first.split('\n').map((row) =>
    row
      .slice(1, -1)
      .split(' | ')
      .map((cell) => cell.trim()),
  );
  return rows.slice(2);
}

const headings = (page: string) => page.match(/^## .+$/gm) ?? [];

describe('a quick run of the bus', () => {
  const out = path.join(temporaryDirectory(), 'results.md');
  const quick = () => bench('bus', '--quick', '--only', PAIR.join(), '--out', out);
  let ended: Awaited<ReturnType<typeof quick>>;
  beforeAll(async () => (ended = await quick()));

  test('needs none of the rivals that are packages', () => {
    expect(ended).toMatchObject({ code: 0 });
    expect(ended.output).not.toContain('nstall');
  });

  test('has a row for each line and candidate, with a time and, for the rival, a ratio', async () => {
    const { groups } = await plan();
    const rows = firstTable(ended.output);
    const expected = groups['bus']!.lines.flatMap(({ title, candidates, show = 'duration' }) =>
      PAIR.filter((name) => candidates.includes(name)).map(
        (name, index) => [index === 0 ? title : '', name, show] as const,
      ),
    );
    expect(rows.map(([work, candidate]) => [work, candidate])).toEqual(expected.map(([work, name]) => [work, name]));
    for (const [index, [, candidate, figure, , , ratio]] of rows.entries()) {
      expect(figure).toMatch(FIGURE[expected[index]![2]]);
      expect(ratio).toMatch(candidate === 'node:events' ? /^\d+(\.\d+)? ×$/ : /^$/);
    }
  });

  test('names the goals and does not judge by figures that mean nothing', () => {
    expect(ended.output).toContain('P1: ≤ 0.8 ×');
    expect(ended.output).not.toMatch(/✓|✗|goals met/);
    expect(ended.output).toContain('these figures mean nothing');
  });

  test('says how its candidates are set up, with what and where it ran', () => {
    for (const name of PAIR) expect(ended.output).toMatch(new RegExp(`^\\| ${name} .*\\w`, 'm'));
    expect(ended.output).toContain(`Node ${process.versions.node}`);
    expect(ended.output).toMatch(/\d{4}-\d\d-\d\d \d\d:\d\d UTC/);
  });

  test('writes its section, in the place of the one that was there before', async () => {
    const before = readFileSync(out, 'utf8');
    expect(firstTable(before)).toEqual(firstTable(ended.output));
    const { output } = await quick();
    const after = readFileSync(out, 'utf8');
    expect(headings(after)).toEqual(['## Event bus']);
    expect(firstTable(after)).toEqual(firstTable(output));
  });
});

test.each([
  [['buss'], 'there are bus, storage, log, health'],
  [['--only', 'node:event'], 'no candidate is called "node:event"'],
  [['bus', '--trials', '0'], 'a whole number from 1'],
  [['bus', '--only', 'lmdb'], 'nothing of that'],
])('%j is refused, with what there is', async (words, reason) => {
  const { code, output } = await bench(...words);
  expect(code).not.toBe(0);
  expect(output).toContain(reason);
});

test('a trial that fails ends the run with the reason, and leaves the results alone', async () => {
  const out = path.join(temporaryDirectory(), 'results.md');
  const words = ['benchmark/run.mjs', 'log', '--quick', '--only', 'smalltalk-native', '--out', out];
  const { code, output } = await runNode(words, { cwd: ROOT, env: { SMALLTALK_NATIVE: 'off' } });
  expect(code).not.toBe(0);
  expect(output).toContain('smalltalk-native failed at "append, 100 waiting, 1 session, process"');
  expect(output).toContain('ERR_NATIVE_UNAVAILABLE');
  expect(existsSync(out)).toBe(false);
});

test('a goal is met up to its limit, and one that is missed says so', async () => {
  const line = { title: 'work', goals: { a: ['P1', 0.8], b: ['P1', 0.8] }, holdGoal: ['P6', 5] };
  const measured = (candidate: string, ns: number, ms: number | null) => {
    const same = (value: number) => ({ median: value, least: value, most: value });
    return { candidate, time: same(ns), hold: ms === null ? null : same(ms) };
  };
  const results = [measured('smalltalk-native', 800, 5.1), measured('a', 1_000, null), measured('b', 999, null)];
  const rows = await evaluate<string[][]>(
    'rowsOf',
    'harness/table.mjs',
    `rowsOf(${JSON.stringify(line)}, ${JSON.stringify(results)})`,
  );
  expect(rows.map((row) => row.slice(1))).toEqual([
    ['smalltalk-native', '800 ns', '800 ns … 800 ns', '5.10 ms', '', 'P6: ≤ 5 ms held ✗ missed'],
    ['a', '1.00 µs', '1.00 µs … 1.00 µs', '', '0.800 ×', 'P1: ≤ 0.8 × ✓ met'],
    ['b', '999 ns', '999 ns … 999 ns', '', '0.801 ×', 'P1: ≤ 0.8 × ✗ missed'],
  ]);
});

test('a difference that came to nothing, or to less, is told as that, and compared with nothing', async () => {
  const measured = (candidate: string, least: number, median: number) => ({
    candidate,
    time: { median, least, most: 5e6 },
    hold: null,
  });
  const rows = async (line: object, results: object[]): Promise<string[][]> => {
    const expression = `rowsOf(${JSON.stringify({ title: 'work', ...line })}, ${JSON.stringify(results)})`;
    return (await evaluate<string[][]>('rowsOf', 'harness/table.mjs', expression)).map((row) => row.slice(2));
  };
  const ours = measured('smalltalk-native', -2e6, 4e6);
  expect(await rows({ difference: true }, [ours, measured('a', -1, 0), measured('b', 1e6, 2e6)])).toEqual([
    ['4.00 ms', 'below noise … 5.00 ms', '', '', ''],
    ['below noise', 'below noise … 5.00 ms', '', '', ''],
    ['2.00 ms', '1.00 ms … 5.00 ms', '', '2.00 ×', ''],
  ]);
  const nothing = measured('smalltalk-native', -3, -2);
  expect(await rows({ difference: true, show: 'count', goal: ['P11', 64] }, [nothing, measured('a', 1, 2)])).toEqual([
    ['below noise', 'below noise … 5000000', '', '', 'P11: ≤ 64.0 ✓ met'],
    ['2.00', '1.00 … 5000000', '', '', ''],
  ]);
  // Where nothing was taken away, nothing is a figure.
  const woken = [measured('smalltalk-native', 0, 0), measured('a', 0, 2)];
  expect((await rows({ show: 'count' }, woken)).map(([figure]) => figure)).toEqual(['0.000', '2.00']);
});

test('the lines about agents whose figures are differences say so', async () => {
  const { groups } = await plan();
  const lines = groups['health']!.lines.filter(({ trial }) => trial === 'agents');
  const differences = lines.filter(({ difference }) => difference === true).map(({ title }) => title);
  expect(differences).toEqual(lines.map(({ title }) => title).filter((title) => /CPU time|memory/.test(title)));
});

test('the median is that of the sorted values', async () => {
  const medians = await evaluate('median', 'harness/statistics.mjs', '[median([10, 9, 100]), median([4, 1, 3, 2])]');
  expect(medians).toEqual([10, 2.5]);
});

test('the meter sees the longest of several holds, and one that is never awaited', async () => {
  const program = `
    const hold = (ms) => { const end = performance.now() + ms; while (performance.now() < end); };
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    const held = await longestHold(async () => { hold(5); await turn(); hold(40); await turn(); hold(5); });
    const sync = await longestHold(() => hold(40));
    console.log(JSON.stringify([held >= 40, sync >= 40]));
  `;
  const words = [
    '--input-type=module',
    '--eval',
    `import { longestHold } from './benchmark/harness/timing.mjs';${program}`,
  ];
  expect(await runNode(words, { cwd: ROOT })).toEqual({ code: 0, output: '[true,true]\n' });
});

test('every line can be run: its trial exists, its candidates are described, its goals are about them', async () => {
  const { groups, rivals } = await plan();
  const trials = readdirSync(path.join(BENCHMARK, 'trials'));
  for (const { lines } of Object.values(groups)) {
    expect(new Set(lines.map(({ title }) => title)).size).toBe(lines.length);
    for (const { trial, candidates, goals = {} } of lines) {
      expect(trials).toContain(`${trial}.mjs`);
      expect(Object.keys(rivals)).toEqual(expect.arrayContaining(candidates));
      expect(candidates).toEqual(expect.arrayContaining(Object.keys(goals)));
    }
  }
});

test('the packages of the rivals stand in the benchmark alone, each at one version, and each is measured', async () => {
  const { groups, rivals } = await plan();
  const measured = new Set(Object.values(groups).flatMap(({ lines }) => lines.flatMap(({ candidates }) => candidates)));
  expect([...measured].sort()).toEqual(Object.keys(rivals).sort());

  const packages = Object.values(rivals).flatMap((rival) => rival.package ?? []);
  const { dependencies } = readJson('benchmark/package.json') as { dependencies: Record<string, string> };
  expect(packages.sort()).toEqual(Object.keys(dependencies).sort());
  for (const version of Object.values(dependencies)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);

  expect(readJson('benchmark/package-lock.json').packages[''].dependencies).toEqual(dependencies);
  const own = readJson('package.json') as Record<string, Record<string, string> | undefined>;
  const installed = Object.keys({ ...own['dependencies'], ...own['devDependencies'], ...own['optionalDependencies'] });
  for (const name of packages) expect(installed).not.toContain(name);
});

test('the lockfile names what every platform needs, without which npm ci refuses to begin', () => {
  type Locked = Record<'dependencies' | 'optionalDependencies', Record<string, string> | undefined>;
  const locked = readJson('benchmark/package-lock.json').packages as Record<string, Locked>;
  const names = new Set(Object.keys(locked).map((place) => place.split('node_modules/').at(-1)));
  const needed = Object.values(locked).flatMap((one) =>
    Object.keys({ ...one.dependencies, ...one.optionalDependencies }),
  );
  expect(needed.filter((name) => !names.has(name))).toEqual([]);
});
