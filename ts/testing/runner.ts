/** The globals of Jest, and of Vitest with globals, as far as the suites use them: no runner is imported. */

type Body = () => void | Promise<void>;

/** What the suites ask of `expect(…)`. */
interface Expectation {
  toBe(expected: unknown): void;
  toEqual(expected: unknown): void;
  toBeNull(): void;
  toBeGreaterThanOrEqual(expected: number): void;
  toBeLessThanOrEqual(expected: number): void;
}

/** The part of a runner that the suites need. */
export interface Runner {
  describe(title: string, body: () => void): void;
  it(title: string, body: Body, timeoutMs?: number): void;
  beforeEach(body: Body, timeoutMs?: number): void;
  afterEach(body: Body, timeoutMs?: number): void;
  expect(value: unknown): Expectation;
}

/** The runner that is running. Throws where there is none. */
export function runner(): Runner {
  const globals = globalThis as unknown as Partial<Runner>;
  for (const name of ['describe', 'it', 'beforeEach', 'afterEach', 'expect'] as const) {
    if (typeof globals[name] !== 'function') {
      throw new Error(`contract suites need a test runner with a global ${name}(): Jest, or Vitest with globals: true`);
    }
  }
  return globals as Runner;
}

/** The same runner, whose tests and hooks may take so long, whatever it gives by itself. */
export function patient(globals: Runner, timeoutMs: number): Runner {
  return {
    describe: (title, body) => globals.describe(title, body),
    it: (title, body) => globals.it(title, body, timeoutMs),
    beforeEach: (body) => globals.beforeEach(body, timeoutMs),
    afterEach: (body) => globals.afterEach(body, timeoutMs),
    expect: (value) => globals.expect(value),
  };
}
