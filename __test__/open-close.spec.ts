/** What closing everything does where the log of one's own takes long, or for ever. */
import { openSmallTalk } from '../ts/index.js';
import { OwnLog, topics } from './support/held-log.js';
import { temporaryDirectory } from './support/temporary.js';

/** A shorter time for which the store stays open for it. */
const mockShort = 200;

jest.mock('../ts/timers.js', () => {
  const actual = jest.requireActual<typeof import('../ts/timers.js')>('../ts/timers.js');
  const setTimeout = (work: () => void, ms: number): NodeJS.Timeout =>
    actual.setTimeout(work, ms === 5_000 ? mockShort : ms);
  return { ...actual, setTimeout };
});

const openWith = (log: OwnLog) => openSmallTalk({ directory: temporaryDirectory(), log: log as never });

test('what is written to the store because an event was not stored is stored, also while everything is being closed', async () => {
  const log = new OwnLog(true);
  const { bus, storage, close } = await openWith(log);
  let kept: Promise<void> | undefined;
  bus.on('log:error', (_error, event) => {
    kept = storage.set('lost', event);
  });
  bus.emit('message');
  const closed = close();
  log.reject(new Error('disk'));
  await expect(closed).rejects.toThrow('disk');
  await kept;
  expect(kept).toBeDefined();
  await expect(storage.get('lost')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
});

test('a log of one’s own that never answers keeps no store open, also where it is asked to erase something', async () => {
  const log = new OwnLog(true);
  const open = await openWith(log);
  const { bus, storage, health } = open;
  await storage.set('k', 1);
  bus.emit('message');
  const erased = open.eraseSession('default');
  let isClosed = false;
  const closed = open.close().then(() => (isClosed = true));
  // What is asked of it now comes behind its close.
  const after = async (): Promise<unknown> => storage.get('k').catch((error: unknown) => error);
  let outcome = await after();
  while (outcome === 1) outcome = await after();
  expect(outcome).toMatchObject({ code: 'ERR_CLOSED' });
  await storage.close();
  expect(() => health.getStats()).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }) as Error);
  expect([isClosed, topics(log)]).toEqual([false, ['message']]);
  log.held = false;
  log.accept();
  expect(await erased).toBe(true);
  await closed;
  expect(log.erased).toEqual(['default']);
});
