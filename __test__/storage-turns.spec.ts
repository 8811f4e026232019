import type { TurnKind } from '../ts/storage/turn-line.js';
import { Turns, type Turn } from '../ts/storage/turns.js';

/** A promise that the test settles. */
function deferred(): { promise: Promise<string>; resolve(value: string): void } {
  let resolve: (value: string) => void = () => undefined;
  const promise = new Promise<string>((settle) => (resolve = settle));
  return { promise, resolve };
}

let turns: Turns;
let begun: string[];

beforeEach(() => {
  turns = new Turns();
  begun = [];
});

/** Asks for a turn; the operation is sent at once, and settles when the test says so. */
function take(id: string, name: string, kind: TurnKind): ReturnType<typeof deferred> & { done: Promise<string> } {
  const answer = deferred();
  const done = turns.take(id, kind, (turn) => {
    begun.push(name);
    turn.sent();
    return answer.promise;
  });
  return { ...answer, done };
}

const microtasks = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('where nothing waits, everything begins at once', () => {
  take('s', 'read', 'other');
  take('s', 'delete', 'other');
  take('s', 'save', 'changes');
  take('s', 'save again', 'changes');
  take('t', 'another session', 'other');
  expect(begun).toEqual(['read', 'delete', 'save', 'save again', 'another session']);
});

test('all else waits for saves of changes, and later ones wait behind it', async () => {
  const save = take('s', 'save', 'changes');
  take('s', 'read', 'other');
  take('s', 'later save', 'changes');
  take('t', 'another session', 'other');
  expect(begun).toEqual(['save', 'another session']);
  expect(turns.busy('s')).toBe(true);
  save.resolve('saved');
  expect(await save.done).toBe('saved');
  await microtasks();
  expect(begun).toEqual(['save', 'another session', 'read', 'later save']);
});

test('answers that come together keep the order of the calls, whoever had to wait', async () => {
  const save = take('s', 'save', 'changes');
  const waited = take('s', 'waited', 'other');
  save.resolve('saved');
  await save.done;
  const atOnce = take('s', 'at once', 'other');
  expect(begun).toEqual(['save', 'waited', 'at once']);
  const heard: string[] = [];
  for (const { done } of [waited, atOnce]) void done.then((answer) => heard.push(answer));
  waited.resolve('first');
  atOnce.resolve('second');
  await microtasks();
  expect(heard).toEqual(['first', 'second']);
});

test('nothing overtakes what takes its time to be sent', async () => {
  let slow: Turn | undefined;
  void turns.take('s', 'other', (turn) => {
    slow = turn;
    return deferred().promise;
  });
  take('s', 'read', 'other');
  take('s', 'save', 'changes');
  expect(begun).toEqual([]);
  slow?.sent();
  expect(begun).toEqual(['read', 'save']);
});

test('what is sent again goes in its order, and nothing begins meanwhile', async () => {
  const answers = [deferred(), deferred()];
  const agains = [deferred(), deferred()];
  const saves = answers.map(({ promise }, n) =>
    turns.take('s', 'changes', async (turn) => {
      turn.sent();
      await promise;
      return turn.again(() => {
        begun.push(`again ${n}`);
        return (agains[n] as ReturnType<typeof deferred>).promise;
      });
    }),
  );
  for (const { resolve } of answers) resolve('stale');
  await microtasks();
  take('s', 'save', 'changes');
  expect(begun).toEqual(['again 0']);
  agains[0]?.resolve('first');
  await microtasks();
  expect(begun).toEqual(['again 0', 'again 1']);
  agains[1]?.resolve('second');
  expect(await Promise.all(saves)).toEqual(['first', 'second']);
  expect(begun).toEqual(['again 0', 'again 1', 'save']);
});

test('one that fails, however early, does not hold up the others', async () => {
  const failed = turns.take('s', 'changes', () => Promise.reject(new Error('refused')));
  const thrown = turns.take('s', 'other', () => {
    throw new Error('thrown');
  });
  take('s', 'read', 'other');
  await expect(failed).rejects.toThrow('refused');
  await expect(thrown).rejects.toThrow('thrown');
  await microtasks();
  expect(begun).toEqual(['read']);
  expect(turns.busy('s')).toBe(false);
});

test('an operation on everything waits for all before it, and all after it wait until it is sent', async () => {
  const save = take('s', 'save', 'changes');
  let clear: Pick<Turn, 'sent'> | undefined;
  void turns.takeAll((turn) => {
    begun.push('clear');
    clear = turn;
    return deferred().promise;
  });
  take('t', 'after', 'other');
  void turns.pass(async () => void begun.push('key'));
  void turns.takeAll((turn) => {
    begun.push('clear again');
    turn.sent();
    return Promise.resolve();
  });
  take('t', 'last', 'other');
  expect(begun).toEqual(['save']);
  save.resolve('saved');
  await microtasks();
  expect(begun).toEqual(['save', 'clear']);
  clear?.sent();
  await microtasks();
  expect(begun).toEqual(['save', 'clear', 'after', 'key', 'clear again', 'last']);
  await turns.takeLast(() => Promise.resolve());
  void turns.pass(async () => void begun.push('key at once'));
  expect(begun.at(-1)).toBe('key at once');
});

test('operations on everything that are asked for together cost what they are, not the square of that', async () => {
  const order: number[] = [];
  const timeOf = async (count: number): Promise<number> => {
    order.length = 0;
    const begun = performance.now();
    const one = (n: number): Promise<void> =>
      turns.takeAll(async ({ sent }) => {
        order.push(n);
        await Promise.resolve();
        sent();
      });
    await Promise.all(Array.from({ length: count }, (_, n) => one(n)));
    expect(order).toEqual(Array.from({ length: count }, (_, n) => n));
    return performance.now() - begun;
  };
  const least = async (count: number): Promise<number> =>
    Math.min(await timeOf(count), await timeOf(count), await timeOf(count));
  await least(100);
  // Ten times as many: a hundred times the time, where each waits anew behind each.
  expect(await least(1_000)).toBeLessThan(40 * (await least(100)));
});

test('what comes last waits for those before it that have waited themselves, and holds back nobody', async () => {
  const save = take('s', 'save', 'changes');
  const parts: Pick<Turn, 'sent'>[] = [];
  const batch = (name: string): void => {
    void turns.takeAll((turn) => {
      begun.push(name);
      parts.push(turn);
      return deferred().promise;
    });
  };
  batch('batch');
  batch('second batch');
  const last = turns.takeLast(async () => void begun.push('last'));
  const failed = turns.takeLast(() => {
    throw new Error('thrown');
  });
  failed.catch(() => undefined);
  take('t', 'after', 'other');
  save.resolve('saved');
  await microtasks();
  parts[0]?.sent();
  await microtasks();
  expect(begun).toEqual(['save', 'batch', 'second batch']);
  parts[1]?.sent();
  await last;
  await expect(failed).rejects.toThrow('thrown');
  await microtasks();
  expect(begun).toEqual(['save', 'batch', 'second batch', 'last', 'after']);
});

test('what comes last waits for nothing that is asked for after it, in whatever session', async () => {
  const [s, t] = [take('s', 's', 'changes'), take('t', 't', 'changes')];
  const last = turns.takeLast(async () => void begun.push('last'));
  take('u', 'u', 'changes');
  take('s', 's later', 'changes');
  s.resolve('saved');
  await microtasks();
  expect(begun).toEqual(['s', 't', 'u', 's later']);
  t.resolve('saved');
  await last;
  expect(begun).toEqual(['s', 't', 'u', 's later', 'last']);
});

test('who holds sessions begins after those before it, and keeps those behind it waiting until it is done', async () => {
  const save = take('s', 'save', 'changes');
  const work = deferred();
  const held = turns.hold(['s', 't'], () => (begun.push('held'), work.promise));
  take('s', 'save again', 'changes');
  take('t', 'read', 'other');
  take('u', 'another session', 'other');
  await microtasks();
  expect(begun).toEqual(['save', 'another session']);
  save.resolve('saved');
  await microtasks();
  expect(begun).toEqual(['save', 'another session', 'held']);
  work.resolve('done');
  expect(await held).toBe('done');
  await microtasks();
  expect(begun.slice(3).sort()).toEqual(['read', 'save again']);
});

test('of two that hold the same sessions one comes after the other, whatever their order', async () => {
  const works = [deferred(), deferred()];
  const held = works.map(({ promise }, n) =>
    turns.hold(n === 0 ? ['s', 't'] : ['t', 's'], () => (begun.push(`held ${n}`), promise)),
  );
  await microtasks();
  expect(begun).toEqual(['held 0']);
  works[0]?.resolve('first');
  await microtasks();
  expect(begun).toEqual(['held 0', 'held 1']);
  works[1]?.resolve('second');
  expect(await Promise.all(held)).toEqual(['first', 'second']);
  expect(['s', 't'].some((id) => turns.busy(id))).toBe(false);
});

test('what is under way may hold sessions although an operation on everything waits for it', async () => {
  const round = deferred();
  const set = turns.take('set', 'other', async () => {
    await round.promise;
    return turns.hold(['s'], async () => (begun.push('held'), 'read'));
  });
  take('s', 'read', 'other');
  void turns.takeAll(async () => void begun.push('clear'));
  round.resolve('stale');
  expect(await set).toBe('read');
  await microtasks();
  expect(begun).toEqual(['read', 'held', 'clear']);
});

test('a hold whose turn does not come in time lets go of what it has', async () => {
  const clock = { now: 0 };
  turns = new Turns(clock);
  const save = take('s', 'save', 'changes');
  const held = turns.hold(['t', 's'], async () => void begun.push('held'));
  const read = take('t', 'read', 'other');
  turns.withdraw(() => begun.length > 0, 30);
  await expect(held).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  await expect(read.done).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  take('t', 'later', 'other');
  await microtasks();
  expect(begun).toEqual(['save', 'later']);
  save.resolve('saved');
  await microtasks();
  expect(turns.busy('t')).toBe(false);
});

test('as many as there are may wait', async () => {
  const save = take('s', 'save', 'changes');
  for (let n = 0; n < 50_000; n += 1) take('s', `read ${n}`, 'other');
  save.resolve('saved');
  await microtasks();
  expect(begun.length).toBe(50_001);
  expect(begun.at(-1)).toBe('read 49999');
});

test('in a hurry reads begin, and saves of changes behind them, but nothing that may change another state', () => {
  const held = (): Promise<string> => (begun.push('held'), deferred().promise);
  take('s', 'save', 'changes');
  take('s', 'read', 'read');
  void turns.hold(['s', 't'], held);
  take('s', 'save again', 'changes');
  void turns.takeLast(async () => void begun.push('list'));
  take('s', 'last save', 'changes');
  take('s', 'delete', 'other');
  take('s', 'read of nothing', 'read');
  take('t', 'other save', 'changes');
  turns.hurryReads(() => undefined);
  expect(begun).toEqual(['save', 'read', 'save again', 'last save', 'list', 'other save']);
  expect(turns.hurry()).toBe(true);
  expect(begun.at(-1)).toBe('delete');
  turns.hurryReads(() => undefined);
  expect(begun.at(-1)).toBe('read of nothing');
  expect(turns.hurry()).toBe(false);
});

test('in a hurry everything begins in its order, settled or not', () => {
  take('s', 'save', 'changes');
  take('s', 'delete', 'other');
  take('s', 'save again', 'changes');
  void turns.takeAll((turn) => {
    begun.push('clear');
    turn.sent();
    return deferred().promise;
  });
  take('s', 'last', 'changes');
  while (turns.hurry());
  expect(begun).toEqual(['save', 'delete', 'save again', 'clear', 'last']);
});
