/** Whoever starts a monitor at a full stack, and once more when there is room, has one that watches. */
import { Inbox } from '../ts/health-monitor/inbox.js';
import { never } from './support/monitors.js';
import { next, open, transcript } from './support/quick-monitor.js';

/** Calls `work` at one level after the other of a full stack, from the one with room for `spare` calls on, until it does not throw. */
function atFullStack(spare: number, work: () => void): void {
  let [passed, done] = [0, false];
  const recurse = (): void => {
    try {
      recurse();
    } catch (error) {
      passed += 1;
      if (!done && passed > spare) {
        work();
        done = true;
      }
      throw error;
    }
  };
  expect(recurse).toThrow(RangeError);
  if (!done) work();
}

const LEVELS = Array.from({ length: 30 }, (_, spare) => spare);

test('what has not been read is read once, and the thread is answered', async () => {
  for (const spare of LEVELS) {
    const lines: string[] = [];
    const it = new Inbox({
      loop: () => undefined,
      moved: ([slot]) => lines.push(`moved ${slot}`),
      ping: (slot) => lines.push(`ping ${slot}`),
      echo: () => lines.push('echo'),
    });
    it.hold();
    const moved = [[1, 0, 'suspect', 1, 'silent']] as [number, number, 'suspect', number, 'silent'][];
    it.take({ echo: true, lost: false, loops: [], moved, ping: [2, 0, 3, 0] });
    atFullStack(spare, () => it.go());
    await new Promise(setImmediate);
    expect(lines).toEqual(['moved 1', 'ping 2', 'ping 3', 'echo']);
  }
});

test('who waited for an attempt is brought back', async () => {
  for (const spare of LEVELS) {
    const monitor = open();
    const lines = transcript(monitor);
    let up = false;
    const ping = (): Promise<void> => (up ? Promise.resolve() : never());
    monitor.on('agent:disconnected', () => monitor.stop());
    const gone = next(monitor, 'agent:disconnected');
    monitor.registerAgent({ id: 'a', ping, restart: async () => void (up = true) });
    await gone;
    const back = next(monitor, 'agent:recovered');
    atFullStack(spare, () => monitor.start());
    await back;
    expect(lines.at(-1)).toBe('a: recovering → healthy');
    await monitor.close();
  }
});
