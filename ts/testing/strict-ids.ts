/** What a strict adapter must do with ids and keys that look like something else, or are none. */
import type { Capability } from '../storage/capabilities.js';
import type { ChatMessage } from '../types.js';
import { sampleSession } from './samples.js';
import { rejectionOf, type Chapter } from './subject.js';

/** Ids that a careless store takes for one another, for a path, for a pattern or for a command. */
export const ids: readonly string[] = [
  ...['a', 'A', 'a ', ' a', ' ', 'a\n', 'a\t', 'ａ', 'á', 'a\u0301', 'ß', 'ss', 'İ', 'i'],
  ...['.', '..', '../a', '/a', './a', 'a/', 'a//b', 'b/../a', 'a/b', 'a\\b', '~', 'C:', 'con', 'NUL', 'a.json', 'a%2Fb', '%61', 'a\u202eb'],
  ...['*', '?', '%', '_', 'a_', 'a%', '[a]', '{a}', '$a', "'a'", '"a"', '`a`', '-a', '--', ';', '#', 'a:b', 'a,b', '|', '&'],
  ...['__proto__', 'constructor', 'toString', 'null', 'undefined', 'true', '0', '00', '1e3', 'sessions', 'keys'],
  ...['🙂', '\u{10ffff}', '\uffff', '\ufeff', '\u2028', '\u0001', '\u007f', 'x'.repeat(511), 'x'.repeat(512), 'é'.repeat(256)],
]; // prettier-ignore

/** Texts that are no ids. */
export const invalid: readonly string[] = ['', '\0', 'a\0b', '\ud800', 'a\udc00', 'x'.repeat(513), 'é'.repeat(257)];

/** What is no text. */
export const noTexts: readonly unknown[] = [undefined, null, 1, {}, ['a'], Symbol.iterator, Object('a')];

const bytesInOrder = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other));

/** Ids. */
export const hostileIds: Chapter = ({ describe, it, expect }, subject, has) => {
  describe('Hostile Ids', () => {
    it('should tell all ids apart', async () => {
      const { adapter } = subject;
      await Promise.all(ids.map((id) => adapter.saveSession(id, { ...sampleSession('s'), mine: id })));
      await Promise.all(ids.map((id) => adapter.set(id, { mine: id })));
      // Together: one after another they would take seconds where each takes a few milliseconds.
      const each = <T>(some: readonly string[], call: (id: string) => Promise<T>): Promise<T[]> =>
        Promise.all(some.map(call));
      expect(await each(ids, async (id) => (await adapter.getSession(id))?.['mine'] as unknown)).toEqual(ids);
      expect(await each(ids, (id) => adapter.get<unknown>(id))).toEqual(ids.map((id) => ({ mine: id })));
      expect(await adapter.listSessions({ orderBy: 'id', order: 'asc' })).toEqual([...ids].sort(bytesInOrder));
      expect(await adapter.listSessions({ orderBy: 'id', order: 'asc', idPrefix: 'a_' })).toEqual(['a_']);
      const [gone, kept] = [ids.filter((_, at) => at % 2 === 0), ids.filter((_, at) => at % 2 === 1)];
      for (const method of ['deleteSession', 'delete'] as const)
        expect(await each(gone, (id) => adapter[method](id))).toEqual(gone.map(() => true));
      const sessions = await each(ids, (id) => adapter.getSession(id));
      const mine = ids.map((id) => (kept.includes(id) ? id : null));
      expect(sessions.map((session) => session && (session['mine'] as unknown))).toEqual(mine);
      expect(await each(ids, (id) => adapter.has(id))).toEqual(ids.map((id) => kept.includes(id)));
    });

    it('should refuse what is no id, and store nothing', async () => {
      const { adapter } = subject;
      const basic: Readonly<Record<string, (id: string) => Promise<unknown>>> = {
        saveSession: (id) => adapter.saveSession(id, sampleSession('s')),
        getSession: (id) => adapter.getSession(id),
        deleteSession: (id) => adapter.deleteSession(id),
        set: (id) => adapter.set(id, 1),
        get: (id) => adapter.get<unknown>(id),
        has: (id) => adapter.has(id),
        delete: (id) => adapter.delete(id),
      };
      const message = sampleSession('s').messages[0] as ChatMessage;
      const further: Partial<Record<Capability, (id: string) => Promise<unknown>>> = {
        appendMessages: (id) => adapter.appendMessages(id, [message]),
        getMessages: (id) => adapter.getMessages(id),
        getSessionInfo: (id) => adapter.getSessionInfo(id),
        getVersioned: (id) => adapter.getVersioned(id),
        saveVersioned: (id) => adapter.saveVersioned(id, sampleSession('s'), { ifVersion: null }),
        // One that is none, behind one that is: all of them are refused.
        getSessions: (id) => adapter.getSessions(['s', id]),
        saveSessions: (id) => adapter.saveSessions(['s', id].map((one) => [one, sampleSession('s')])),
        deleteSessions: (id) => adapter.deleteSessions(['s', id]),
        getMany: (id) => adapter.getMany(['k', id]),
        setMany: (id) => adapter.setMany(['k', id].map((key) => [key, 1])),
        deleteMany: (id) => adapter.deleteMany(['k', id]),
        getExpiry: (id) => adapter.getExpiry(id),
      };
      const offered = Object.entries(further).filter(([name]) => has(name as Capability));
      for (const [name, call] of [...Object.entries(basic), ...offered]) {
        const refused = (texts: readonly unknown[], told: string): Promise<unknown[]> =>
          Promise.all(texts.map(async (text) => (await rejectionOf(() => call(text as string)))[told]));
        expect([name, await refused(invalid, 'code')]).toEqual([name, invalid.map(() => 'ERR_ID_INVALID')]);
        expect([name, await refused(noTexts, 'name')]).toEqual([name, noTexts.map(() => 'TypeError')]);
      }
      const { sessions, keys } = await adapter.getStats();
      expect({ sessions, keys }).toEqual({ sessions: 0, keys: 0 });
    });
  });
};
