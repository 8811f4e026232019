/** More agents than are pinged in one turn of the loop: nobody is judged by a ping that has not been called. */
import { Inbox } from '../ts/health-monitor/inbox.js';
import { awake } from './support/awake.js';
import { never } from './support/monitors.js';
import { open, transcript } from './support/quick-monitor.js';

/** Slot and ticket of so many agents. */
const pairs = (agents: number): number[] => Array.from({ length: agents }, (_, slot) => [slot, 0]).flat();
const NEWS = { echo: true, lost: false, loops: [], moved: [] };

/**
 * An inbox, whom it has pinged, and after how many pings it has answered the thread; `on` is called at each ping. Each takes so
 * long that no more of them are called at once than need be.
 */
function inbox(on: (slot: number) => void = () => undefined) {
  const pinged: number[] = [];
  const answers: number[] = [];
  const it = new Inbox({
    loop: () => undefined,
    moved: () => {
      throw new Error('a defect');
    },
    ping: (slot) => {
      pinged.push(slot);
      awake(0.05);
      on(slot);
    },
    echo: () => answers.push(pinged.length),
  });
  return { it, pinged, answers };
}

const turn = (): Promise<void> => new Promise(setImmediate);

describe('the thread is answered when everybody has been pinged', () => {
  test.each([0, 1, 128, 129, 300])('%d agents', async (agents) => {
    const { it, pinged, answers } = inbox();
    it.take({ ...NEWS, ping: pairs(agents) });
    while (pinged.length < agents) await turn();
    expect(answers).toEqual([agents]);
  });

  test('also where it was not asked for', async () => {
    const { it, pinged, answers } = inbox();
    it.take({ ...NEWS, echo: false, ping: pairs(300) });
    while (pinged.length < 300) await turn();
    expect(answers).toEqual([]);
  });

  test('while they are cheap, without a turn between them', () => {
    const tries = Array.from({ length: 100 }, () => {
      const answers: string[] = [];
      const nothing = (): void => undefined;
      const it = new Inbox({ loop: nothing, moved: nothing, ping: nothing, echo: () => answers.push('here') });
      it.take({ ...NEWS, ping: pairs(129) });
      return answers.length;
    });
    // Not where the thread lost its CPU in the midst of them.
    expect(tries).toContain(1);
  });

  test.each([5, 127, 200, 299])('also where it is stopped at ping %d, and goes on', async (stop) => {
    const { it, pinged, answers } = inbox((slot) => slot === stop && it.hold());
    it.take({ ...NEWS, ping: pairs(300) });
    while (pinged.length <= stop) await turn();
    await turn();
    expect(answers).toEqual(stop === 299 ? [300] : []);
    it.go();
    while (pinged.length < 300) await turn();
    expect([answers, pinged]).toEqual([[300], pairs(300).filter((_, at) => at % 2 === 0)]);
  });

  test('also where a piece of news, or a ping, throws', () => {
    const { it, pinged, answers } = inbox((slot) => {
      if (slot === 2) throw new Error('another');
    });
    expect(() => it.take({ ...NEWS, moved: [[0, 0, 'suspect', 1, 'silent']], ping: pairs(2) })).toThrow('a defect');
    expect(() => it.take({ ...NEWS, ping: pairs(3) })).toThrow('another');
    expect([answers, pinged]).toEqual([
      [2, 5],
      [0, 1, 0, 1, 2],
    ]);
  });
});

test('a report that comes while another one is read is read also where that throws', async () => {
  let answers = 0;
  const it: Inbox = new Inbox({
    loop: () => undefined,
    moved: () => {
      it.take({ ...NEWS, ping: [] });
      throw new Error('a defect');
    },
    ping: () => undefined,
    echo: () => (answers += 1),
  });
  expect(() => it.take({ ...NEWS, moved: [[0, 0, 'suspect', 1, 'silent']], ping: [] })).toThrow('a defect');
  await turn();
  expect(answers).toBe(2);
});

describe('on a loop whose turns are long', () => {
  const AGENTS = 2_000;
  let busy: NodeJS.Immediate;
  const hold = (): void => {
    awake(20);
    busy = setImmediate(hold);
  };
  afterEach(() => clearImmediate(busy));

  /** Agents that answer at once and are due at once, a little of the loop's time each. */
  function crowd() {
    const monitor = open({ recoveryStrategy: 'alert' });
    const lines = transcript(monitor);
    const pings = new Map<string, number>();
    const ids = Array.from({ length: AGENTS }, (_, n) => `a${n}`);
    for (const id of ids) {
      const ping = async (): Promise<void> => {
        pings.set(id, (pings.get(id) ?? 0) + 1);
        awake(0.02);
      };
      monitor.registerAgent({ id, ping });
    }
    hold();
    return { monitor, lines, ids, pings };
  }

  test('idle, healthy agents are not accused; one that hangs among them is', async () => {
    const { monitor, lines, ids } = crowd();
    monitor.registerAgent({ id: 'hung', ping: never });
    for (const id of ids) monitor.recordActivity(id, 'heard a broadcast');
    while (monitor.getAgentHealth('hung')?.state !== 'disconnected') await turn();
    expect(lines.filter((line) => !line.startsWith('hung') && line !== 'alert agent-disconnected hung')).toEqual([]);
  });

  test('who is let go before its ping has been called keeps nobody from being judged', async () => {
    const { monitor, ids, pings } = crowd();
    while (pings.size === 0) await turn();
    for (const id of ids) monitor.unregisterAgent(id);
    expect(pings.size).toBeLessThan(AGENTS);
    monitor.registerAgent({ id: 'hung', ping: never });
    while (monitor.getAgentHealth('hung')?.state !== 'disconnected') await turn();
  });

  test('a stop in the midst of pings, and a start, keeps nobody from being judged', async () => {
    const { monitor, lines, ids, pings } = crowd();
    for (const id of ids) monitor.recordActivity(id, 'heard a broadcast');
    while (pings.size === 0) await turn();
    monitor.stop();
    for (let turns = 0; turns < 10; turns += 1) await turn();
    monitor.registerAgent({ id: 'hung', ping: never });
    monitor.start();
    while (monitor.getAgentHealth('hung')?.state !== 'disconnected') await turn();
    expect(lines.filter((line) => !line.includes('hung'))).toEqual([]);
  });
});
