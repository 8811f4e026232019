/**
 * Imported before anything of the package: its timers and its clock are those of the global scope, which is where jest puts
 * its own. It takes them from Node.
 */
jest.mock('../../ts/timers.js', () => ({
  ...jest.requireActual<object>('../../ts/timers.js'),
  setTimeout: (work: () => void, ms: number) => globalThis.setTimeout(work, ms),
  clearTimeout: (timer: NodeJS.Timeout) => globalThis.clearTimeout(timer),
  monotonic: () => performance.now(),
}));
