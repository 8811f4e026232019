/** What every adapter must do with keys. */
import { eventually, LONG_TEXT, ODD_TEXT, untilGone } from './samples.js';
import { orRefused, type BasicChapter } from './subject.js';

/** Keys: 5 tests. */
export const keyValues: BasicChapter = ({ describe, it, expect }, subject) => {
  describe('Key-Value Storage', () => {
    it('should set a value, and set it again', async () => {
      await subject.adapter.set('key', 'first');
      const value = { second: [1, 2, 3] };
      const setting = subject.adapter.set('key', value);
      value.second.pop();
      await setting;
      const retrieved = await subject.adapter.get<typeof value>('key');
      expect(retrieved).toEqual({ second: [1, 2, 3] });
      retrieved?.second.pop();
      expect(await subject.adapter.get('key')).toEqual({ second: [1, 2, 3] });
    });

    it('should get values of every JSON type', async () => {
      // Texts that look like something else are texts.
      const texts = ['text', '', ODD_TEXT, '123', 'true', 'null', '{"a":1}'];
      const values = [...texts, 0, -1.5, true, false, [], {}, [1, ['two', { three: null }]]];
      for (const [index, value] of values.entries()) await subject.adapter.set(`key-${index}`, value);
      for (const [index, value] of values.entries()) expect(await subject.adapter.get(`key-${index}`)).toEqual(value);
      await subject.adapter.set('long', LONG_TEXT);
      expect((await subject.adapter.get('long')) === LONG_TEXT).toBe(true);
    });

    it('should delete a value, once', async () => {
      await subject.adapter.set('key', 1);
      expect(await subject.adapter.delete('key')).toBe(true);
      expect(await subject.adapter.get('key')).toBeNull();
      expect(await subject.adapter.delete('key')).toBe(false);
    });

    it('should tell whether it has a key', async () => {
      await subject.adapter.set('key', null);
      expect(await subject.adapter.has('key')).toBe(true);
      expect(await subject.adapter.has('other')).toBe(false);
      expect(await subject.adapter.has('Key')).toBe(false);
      // What ends so may be refused; it is no other key.
      expect(await orRefused(() => subject.adapter.has('key '))).toBe(false);
    });

    it('should let a value expire after its ttl, and only then', async () => {
      await subject.adapter.set('long', 1, 30);
      // In milliseconds that is more than 32 bits have room for, and more than a timer waits.
      await subject.adapter.set('month', 1, 30 * 86_400);
      await subject.adapter.set('short', 1, 0.05);
      await subject.adapter.set('renewed', 1, 0.05);
      await subject.adapter.set('renewed', 2);
      // The last one holds, whatever there was before it. The first is long enough to be there when the second comes.
      await subject.adapter.set('longer', 1, 1);
      await subject.adapter.set('longer', 2, 30);
      await subject.adapter.set('shorter', 1, 30);
      await subject.adapter.set('shorter', 2, 0.05);
      await eventually(async () => !(await subject.adapter.has('short')));
      // Neither a second more nor one less, nor whole seconds. By its end a store that takes seconds for milliseconds, or for
      // hundredths, has lost the long one, too.
      const { asked, answered } = await untilGone(subject.adapter, 'exact', () => subject.adapter.set('exact', 1, 1.3));
      expect(answered).toBeGreaterThanOrEqual(1_200);
      expect(1_600).toBeGreaterThanOrEqual(asked);
      await eventually(async () => !(await subject.adapter.has('shorter')));
      expect((await subject.adapter.getStats()).keys).toBe(4);
      expect(await subject.adapter.delete('short')).toBe(false);
      expect(await subject.adapter.get('short')).toBeNull();
      expect(await subject.adapter.get('long')).toBe(1);
      expect(await subject.adapter.get('month')).toBe(1);
      expect(await subject.adapter.get('renewed')).toBe(2);
      // The first of its ends was before that of the exact one.
      expect(await subject.adapter.get('longer')).toBe(2);
    });
  });
};
