/** What a strict adapter must do with options: any that go together, and those that are none. */
import type { ListOptions } from '../storage/adapter.js';
import type { PruneOptions } from '../storage/capabilities.js';
import type { ChatSession } from '../types.js';
import { at, eventually, numbers, sampleSession } from './samples.js';
import { rejectionOf, type Chapter } from './subject.js';

const wrongTypes: readonly unknown[] = [
  ...[null, 1, 'limit', { limit: '1' }, { limit: null }, { offset: true }, { activeAgent: null }, { activeAgent: 1 }],
  ...[{ createdAfter: '2025-11-23' }, { updatedBefore: null }, { idPrefix: 1 }, { orderBy: null }, { order: 1 }],
]; // prettier-ignore

const wrongValues: readonly unknown[] = [
  ...[{ limit: -1 }, { limit: 1.5 }, { limit: NaN }, { offset: -1 }, { offset: 0.5 }, { createdBefore: NaN }],
  ...[{ updatedAfter: new Date(NaN) }, { orderBy: 'size' }, { order: 'ASC' }, { idPrefix: '\ud800' }],
]; // prettier-ignore

/** Options. */
export const hostileOptions: Chapter = ({ describe, it, expect }, subject, has) => {
  const saveAll = async (): Promise<ChatSession[]> => {
    const next = numbers(7);
    const all = Array.from({ length: 16 }, (_, n) => ({
      ...sampleSession(`${n % 2 === 0 ? 'even' : 'odd'}/${n}`),
      activeAgent: ['writer', 'critic', ''][next(3)] as string,
      // Few moments for many: ties have to go by id.
      createdAt: at(next(4)),
      updatedAt: at(next(4)),
    }));
    await Promise.all(all.map((session) => subject.adapter.saveSession(session.id, session)));
    return all;
  };

  describe('Hostile Options', () => {
    it('should list what all options together ask for', async () => {
      const all = await saveAll();
      const next = numbers(11);
      const wrong: unknown[] = [];
      const rounds = Array.from({ length: 100 }, async () => {
        const options = anyOptions(next);
        const expected = listed(all, options);
        const found = await subject.adapter.listSessions(options);
        if (found.join() !== expected.join()) wrong.push({ options, found, expected });
      });
      await Promise.all(rounds);
      expect(wrong).toEqual([]);
      // What one is given is one's own.
      const mine = await subject.adapter.listSessions();
      if (!Object.isFrozen(mine)) mine.splice(0, 1, 'changed');
      expect(await subject.adapter.listSessions()).toEqual(listed(all, {}));
    });

    it('should take what is undefined for what is not given', async () => {
      const all = await saveAll();
      const names = ['limit', 'offset', 'activeAgent', 'createdAfter', 'createdBefore', 'updatedAfter'] as const;
      const rest = ['updatedBefore', 'idPrefix', 'orderBy', 'order'] as const;
      const options = Object.fromEntries([...names, ...rest].map((name) => [name, undefined]));
      for (const none of [undefined, {}, options]) {
        expect(await subject.adapter.listSessions(none)).toEqual(listed(all, {}));
      }
      await subject.adapter.set('key', 1, 0.01);
      await subject.adapter.set('key', 1, undefined);
      await subject.adapter.set('over', 1, 0.01);
      await eventually(async () => !(await subject.adapter.has('over')));
      expect(await subject.adapter.has('key')).toBe(true);
    });

    it('should refuse what is no option, no ttl and no session', async () => {
      const { adapter } = subject;
      await adapter.saveSession('s', sampleSession('s'));
      await adapter.set('key', 'kept');
      const codeOf = async (call: () => Promise<unknown>): Promise<unknown> => (await rejectionOf(call))['code'];
      const nameOf = async (call: () => Promise<unknown>): Promise<unknown> => (await rejectionOf(call))['name'];
      for (const wrong of wrongTypes) {
        expect([wrong, await nameOf(() => adapter.listSessions(wrong as ListOptions))]).toEqual([wrong, 'TypeError']);
      }
      for (const wrong of wrongValues) {
        const code = await codeOf(() => adapter.listSessions(wrong as ListOptions));
        expect([wrong, code]).toEqual([wrong, 'ERR_OPTION_INVALID']);
      }
      for (const ttl of [0, -1, -Infinity, NaN]) {
        expect([ttl, await codeOf(() => adapter.set('key', 1, ttl))]).toEqual([ttl, 'ERR_TTL_INVALID']);
      }
      for (const ttl of [null, '1', {}])
        expect(await nameOf(() => adapter.set('key', 1, ttl as number))).toBe('TypeError');
      if (has('prune')) {
        for (const wrong of [{}, { updatedBefore: undefined }, { updatedBefore: NaN }])
          expect([wrong, await codeOf(() => adapter.prune(wrong as PruneOptions))]).toEqual([
            wrong,
            'ERR_OPTION_INVALID',
          ]);
        for (const wrong of [{ updatedBefore: null }, { updatedBefore: '2025-11-23' }])
          expect([wrong, await nameOf(() => adapter.prune(wrong as never))]).toEqual([wrong, 'TypeError']);
      }
      const noSessions = [{ messages: {} }, { createdAt: new Date(NaN) }, { updatedAt: 5 }, { updatedAt: undefined }];
      for (const wrong of noSessions) {
        const session = { ...sampleSession('s'), ...wrong } as ChatSession;
        expect([wrong, await nameOf(() => adapter.saveSession('s', session))]).toEqual([wrong, 'TypeError']);
      }
      expect([await adapter.get('key'), await adapter.getSession('s')]).toEqual(['kept', sampleSession('s')]);
    });
  });
};

/** Some options, each of them or not; times as Dates and as numbers. */
function anyOptions(next: (below: number) => number): ListOptions {
  const moment = (): Date | number => (next(2) === 0 ? at(next(5)) : Number(at(next(5))));
  const all: Required<ListOptions> = {
    limit: next(8),
    offset: next(6),
    activeAgent: ['writer', 'critic', '', 'nobody'][next(4)] as string,
    createdAfter: moment(),
    createdBefore: moment(),
    updatedAfter: moment(),
    updatedBefore: moment(),
    idPrefix: ['', 'even/', 'odd/1', '%'][next(4)] as string,
    orderBy: (['updatedAt', 'createdAt', 'id'] as const)[next(3) as 0 | 1 | 2],
    order: (['asc', 'desc'] as const)[next(2) as 0 | 1],
  };
  return Object.fromEntries(Object.entries(all).filter(() => next(3) === 0));
}

/** What a listing has to give. */
function listed(all: readonly ChatSession[], options: ListOptions): string[] {
  const { limit, offset = 0, activeAgent, idPrefix = '', orderBy = 'updatedAt', order = 'desc' } = options;
  const {
    createdAfter = -Infinity,
    createdBefore = Infinity,
    updatedAfter = -Infinity,
    updatedBefore = Infinity,
  } = options;
  const compare = (one: string | Date, other: string | Date): number => (one < other ? -1 : Number(one > other));
  return all
    .filter((session) => activeAgent === undefined || session.activeAgent === activeAgent)
    .filter(({ createdAt }) => createdAt >= createdAfter && createdAt < createdBefore)
    .filter(({ updatedAt }) => updatedAt >= updatedAfter && updatedAt < updatedBefore)
    .filter(({ id }) => id.startsWith(idPrefix))
    .sort((a, b) => (order === 'asc' ? 1 : -1) * (compare(a[orderBy], b[orderBy]) || compare(a.id, b.id)))
    .slice(offset, limit === undefined ? undefined : offset + limit)
    .map(({ id }) => id);
}
