/** What a strict adapter must do with ids and keys that look like something else, or are none. */
import { sampleSession } from './samples.js';
import { rejectionOf, type Chapter } from './subject.js';

/** Ids that a careless store takes for one another, for a path, for a pattern or for a command. */
const ids: readonly string[] = [
  ...['a', 'A', 'a ', ' a', ' ', 'a\n', 'a\t', 'ａ', 'á', 'a\u0301', 'ß', 'ss', 'İ', 'i'],
  ...['.', '..', '../a', '/a', './a', 'a/', 'a//b', 'b/../a', 'a/b', 'a\\b', '~', 'C:', 'con', 'NUL', 'a.json', 'a%2Fb', '%61', 'a\u202eb'],
  ...['*', '?', '%', '_', 'a_', 'a%', '[a]', '{a}', '$a', "'a'", '"a"', '`a`', '-a', '--', ';', '#', 'a:b', 'a,b', '|', '&'],
  ...['__proto__', 'constructor', 'toString', 'null', 'undefined', 'true', '0', '00', '1e3', 'sessions', 'keys'],
  ...['🙂', '\u{10ffff}', '\uffff', '\ufeff', '\u2028', '\u0001', '\u007f', 'x'.repeat(511), 'x'.repeat(512), 'é'.repeat(256)],
]; // prettier-ignore

/** Texts that are no ids. */
const invalid: readonly string[] = ['', '\0', 'a\0b', '\ud800', 'a\udc00', 'x'.repeat(513), 'é'.repeat(257)];

const noTexts: readonly unknown[] = [undefined, null, 1, {}, ['a'], Symbol.iterator, Object('a')];

const bytesInOrder = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other));

/** Ids. */
export const hostileIds: Chapter = ({ describe, it, expect }, subject) => {
  describe('Hostile Ids', () => {
    it('should tell all ids apart', async () => {
      const { adapter } = subject;
      await Promise.all(ids.map((id) => adapter.saveSession(id, { ...sampleSession('s'), mine: id })));
      await Promise.all(ids.map((id) => adapter.set(id, { mine: id })));
      for (const id of ids) {
        expect((await adapter.getSession(id))?.['mine']).toBe(id);
        expect(await adapter.get(id)).toEqual({ mine: id });
      }
      expect(await adapter.listSessions({ orderBy: 'id', order: 'asc' })).toEqual([...ids].sort(bytesInOrder));
      expect(await adapter.listSessions({ orderBy: 'id', order: 'asc', idPrefix: 'a_' })).toEqual(['a_']);
      const [gone, kept] = [ids.filter((_, at) => at % 2 === 0), ids.filter((_, at) => at % 2 === 1)];
      for (const id of gone) expect([await adapter.deleteSession(id), await adapter.delete(id)]).toEqual([true, true]);
      for (const id of gone) expect([await adapter.getSession(id), await adapter.has(id)]).toEqual([null, false]);
      for (const id of kept)
        expect([(await adapter.getSession(id))?.['mine'], await adapter.has(id)]).toEqual([id, true]);
    });

    it('should refuse what is no id, and store nothing', async () => {
      const { adapter } = subject;
      const calls: ((id: string) => Promise<unknown>)[] = [
        (id) => adapter.saveSession(id, sampleSession('s')),
        (id) => adapter.getSession(id),
        (id) => adapter.deleteSession(id),
        (id) => adapter.set(id, 1),
        (id) => adapter.get(id),
        (id) => adapter.has(id),
        (id) => adapter.delete(id),
      ];
      for (const call of calls) {
        for (const id of invalid) expect((await rejectionOf(() => call(id)))['code']).toBe('ERR_ID_INVALID');
        for (const id of noTexts) expect((await rejectionOf(() => call(id as string)))['name']).toBe('TypeError');
      }
      const { sessions, keys } = await adapter.getStats();
      expect({ sessions, keys }).toEqual({ sessions: 0, keys: 0 });
    });
  });
};
