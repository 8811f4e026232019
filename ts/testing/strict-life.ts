/** What a strict adapter must do before it is initialised and after it was closed, and when calls fail. */
import type { Capability } from '../storage/capabilities.js';
import { sampleSession } from './samples.js';
import { collect, failureOf, rejectionOf, thrower, type CapableSubject, type Chapter } from './subject.js';

type Call = (adapter: CapableSubject['adapter']) => Promise<unknown>;

const basic: Readonly<Record<string, Call>> = {
  initialize: (adapter) => adapter.initialize(),
  saveSession: (adapter) => adapter.saveSession('s', sampleSession('s')),
  getSession: (adapter) => adapter.getSession('s'),
  deleteSession: (adapter) => adapter.deleteSession('s'),
  listSessions: (adapter) => adapter.listSessions(),
  set: (adapter) => adapter.set('k', 1),
  get: (adapter) => adapter.get('k'),
  has: (adapter) => adapter.has('k'),
  delete: (adapter) => adapter.delete('k'),
  clear: (adapter) => adapter.clear(),
  getStats: (adapter) => adapter.getStats(),
};

/** `backup` is left out: where a copy would go is the adapter's own matter. */
const further: Readonly<Record<Exclude<Capability, 'backup'>, Call>> = {
  appendMessages: (adapter) => adapter.appendMessages('s', []),
  getMessages: (adapter) => adapter.getMessages('s'),
  getSessionInfo: (adapter) => adapter.getSessionInfo('s'),
  getVersioned: (adapter) => adapter.getVersioned('s'),
  saveVersioned: (adapter) => adapter.saveVersioned('s', sampleSession('s'), { ifVersion: null }),
  getSessions: (adapter) => adapter.getSessions([]),
  saveSessions: (adapter) => adapter.saveSessions([]),
  deleteSessions: (adapter) => adapter.deleteSessions([]),
  getMany: (adapter) => adapter.getMany([]),
  setMany: (adapter) => adapter.setMany([]),
  deleteMany: (adapter) => adapter.deleteMany([]),
  sessions: (adapter) => collect(adapter.sessions()),
  keys: (adapter) => collect(adapter.keys()),
  getExpiry: (adapter) => adapter.getExpiry('k'),
  prune: (adapter) => adapter.prune({ updatedBefore: 0 }),
  verify: (adapter) => adapter.verify(),
};

/** Before it is open, and after it was closed. */
export const hostileLife: Chapter = ({ describe, it, expect }, subject, has) => {
  const offered = Object.entries(further).filter(([name]) => has(name as Capability));
  const calls = [...Object.entries(basic), ...offered];

  describe('Hostile Life', () => {
    it('should initialise itself at the first call, and be initialised as often as one likes', async () => {
      await subject.reopen();
      const { adapter } = subject;
      const calls = [adapter.set('k', 1), adapter.initialize(), adapter.initialize(), adapter.get('k')];
      expect((await Promise.all(calls)).at(-1)).toBe(1);
    });

    it('should refuse everything once it is closed, and be closed as often as one likes', async () => {
      const { adapter } = subject;
      await adapter.saveSession('s', sampleSession('s'));
      await Promise.all([adapter.close(), adapter.close()]);
      await adapter.close();
      for (const [name, call] of calls) {
        expect([name, (await rejectionOf(() => call(adapter)))['code']]).toEqual([name, 'ERR_CLOSED']);
      }
      await adapter.close();
      await subject.restart();
    });

    it('should let land what was asked for before it was closed, and nothing that was later', async () => {
      const { adapter } = subject;
      const before = [adapter.set('k', 1), adapter.saveSession('s', sampleSession('s')), adapter.get('k')];
      const closing = adapter.close();
      const later = [adapter.set('k', 2), adapter.get('k'), adapter.initialize()];
      const [landed, refused] = await Promise.all([
        Promise.allSettled(before),
        Promise.all(later.map(failureOf)),
        closing,
      ]);
      expect(refused.map((failure) => failure?.['code'])).toEqual(later.map(() => 'ERR_CLOSED'));
      expect(landed).toEqual([undefined, undefined, 1].map((value) => ({ status: 'fulfilled', value })));
      const kept = adapter.persistent !== false;
      await subject.restart();
      expect(await subject.adapter.get('k')).toBe(kept ? 1 : null);
      expect(await subject.adapter.getSession('s')).toEqual(kept ? sampleSession('s') : null);
    });
  });
};

/** Calls that fail. */
export const hostileFaults: Chapter = ({ describe, it, expect }, subject, has) => {
  describe('Hostile Faults', () => {
    it('should keep a write that fails from touching those before and after it', async () => {
      const { adapter } = subject;
      const bad = Object.defineProperty({}, 'x', { get: thrower, enumerable: true });
      const writes = [
        adapter.set('k', 1),
        adapter.set('k', bad),
        adapter.saveSession('s', sampleSession('s')),
        adapter.saveSession('s', { ...sampleSession('s'), context: bad }),
        adapter.saveSession('s', null as never),
        adapter.set('', 1),
        adapter.set('k', 2, -1),
        adapter.set('other', 3),
      ];
      const read = (): Promise<unknown> =>
        Promise.all([adapter.get('k'), adapter.getSession('s'), adapter.get('other')]);
      const [outcomes, meanwhile] = await Promise.all([Promise.allSettled(writes), read()]);
      const failed = outcomes.map(({ status }) => status === 'rejected');
      expect(failed).toEqual([false, true, false, true, true, true, true, false]);
      for (const found of [meanwhile, await read()]) expect(found).toEqual([1, sampleSession('s'), 3]);
      await adapter.set('k', 4);
      await adapter.saveSession('s', { ...sampleSession('s'), activeAgent: 'critic' });
      expect([await adapter.get('k'), (await adapter.getSession('s'))?.activeAgent]).toEqual([4, 'critic']);
    });

    it('should bear with loops that are left, and with what fails inside of them', async () => {
      const { adapter } = subject;
      for (const id of ['a', 'b', 'c']) {
        await adapter.saveSession(id, sampleSession(id));
        await adapter.set(id, 1);
      }
      const loops: (() => AsyncIterable<string>)[] = [];
      if (has('sessions')) loops.push(() => adapter.sessions());
      if (has('keys')) loops.push(() => adapter.keys());
      for (const loop of loops) {
        for await (const id of loop()) if (id !== '') break;
        const failing = async (): Promise<void> => {
          for await (const id of loop()) if (id !== '') thrower();
        };
        expect((await failureOf(failing()))?.['message']).toBe('it cannot be stored');
        // It is begun and never ended: it must hold up nobody.
        await loop()[Symbol.asyncIterator]().next();
        expect((await collect(loop())).sort()).toEqual(['a', 'b', 'c']);
      }
      await adapter.set('a', 2);
      expect(await adapter.get('a')).toBe(2);
      await subject.restart();
    });
  });
};
