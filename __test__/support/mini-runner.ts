/** Collects what a contract suite registers and runs it, so that a test can look at which of its tests fail. */
import type { Runner } from '../../ts/testing/runner.js';

type Body = () => void | Promise<void>;

interface Registered {
  title: string;
  body: Body;
  timeoutMs: number | undefined;
}

interface Suite {
  tests: Registered[];
  before: Registered[];
  after: Registered[];
}

/** Registers a suite in place of the real runner, and gives what it has registered. */
export function registered(register: () => void): Suite {
  const suite: Suite = { tests: [], before: [], after: [] };
  const collecting: Partial<Runner> = {
    describe: (_title, body) => body(),
    it: (title, body, timeoutMs) => void suite.tests.push({ title, body, timeoutMs }),
    beforeEach: (body, timeoutMs) => void suite.before.push({ title: 'before', body, timeoutMs }),
    afterEach: (body, timeoutMs) => void suite.after.push({ title: 'after', body, timeoutMs }),
  };
  const globals = globalThis as unknown as Record<string, unknown>;
  const real = Object.fromEntries(Object.keys(collecting).map((name) => [name, globals[name]]));
  Object.assign(globals, collecting);
  try {
    register();
  } finally {
    Object.assign(globals, real);
  }
  return suite;
}

/** Registers a suite, runs every test, or those of one title, and gives the titles of those that fail. */
export async function failuresOf(register: () => void, only?: string): Promise<string[]> {
  return (await saidOf(register, only)).map(({ title }) => title);
}

/** The same, with what is said of each: by its test, and by what runs after it. */
export async function saidOf(register: () => void, only?: string): Promise<{ title: string; errors: string[] }[]> {
  const { tests, before, after } = registered(register);
  const failed: { title: string; errors: string[] }[] = [];
  for (const test of tests) {
    if (only !== undefined && test.title !== only) continue;
    // What comes after a test comes also where that failed, as in every runner.
    const errors = [...(await errorsOf([...before, test])), ...(await errorsOf(after))];
    if (errors.length > 0) failed.push({ title: test.title, errors });
  }
  return failed;
}

async function errorsOf(steps: Registered[]): Promise<string[]> {
  try {
    for (const { body } of steps) await body();
    return [];
  } catch (error) {
    return [String(error)];
  }
}
