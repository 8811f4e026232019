/** Collects what a contract suite registers and runs it, so that a test can look at which of its tests fail. */
import type { Runner } from '../../ts/testing/runner.js';

type Body = () => void | Promise<void>;

interface Registered {
  title: string;
  body: Body;
}

/** Registers a suite in place of the real runner, runs every test, or those of one title, and gives the titles of those that fail. */
export async function failuresOf(register: () => void, only?: string): Promise<string[]> {
  const tests: Registered[] = [];
  const before: Body[] = [];
  const after: Body[] = [];
  const collecting: Partial<Runner> = {
    describe: (_title, body) => body(),
    it: (title, body) => void tests.push({ title, body }),
    beforeEach: (body) => void before.push(body),
    afterEach: (body) => void after.push(body),
  };
  const globals = globalThis as unknown as Record<string, unknown>;
  const real = Object.fromEntries(Object.keys(collecting).map((name) => [name, globals[name]]));
  Object.assign(globals, collecting);
  try {
    register();
  } finally {
    Object.assign(globals, real);
  }
  const failed: string[] = [];
  for (const { title, body } of tests) {
    if (only !== undefined && title !== only) continue;
    const passed = await passes([...before, body]);
    // Also after a test that failed, as every runner does.
    if (!(await passes(after)) || !passed) failed.push(title);
  }
  return failed;
}

async function passes(bodies: Body[]): Promise<boolean> {
  try {
    for (const body of bodies) await body();
    return true;
  } catch {
    return false;
  }
}
