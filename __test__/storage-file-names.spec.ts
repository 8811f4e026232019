/** What the files of a store are called. */
import fc from 'fast-check';

import { fileNameOf, idOfFileName } from '../ts/storage/file/names.js';
import { conversation, open } from './support/file-store.js';

describe('names of files', () => {
  const anyId = fc
    .oneof(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 512 }), fc.string({ minLength: 1, maxLength: 512 }))
    .filter((id) => !/[\0\p{Surrogate}]/u.test(id) && Buffer.byteLength(id) <= 512);

  test('tell ids apart, also where case is ignored, and are safe everywhere', () => {
    const seen = new Map<string, string>();
    fc.assert(
      fc.property(anyId, (id) => {
        const name = fileNameOf(id);
        expect(name).toMatch(/^[a-z0-9_%~-]{1,200}\.json$/);
        expect(name).toBe(name.toLowerCase());
        expect(seen.get(name) ?? id).toBe(id);
        seen.set(name, id);
        if (!name.includes('~')) expect(idOfFileName(name)).toBe(id);
      }),
      { numRuns: 3_000 },
    );
  });

  test('are never those of devices, of hidden files or of another directory', () => {
    for (const id of [
      'con',
      'nul',
      'com1',
      'CON',
      '.',
      '..',
      '.hidden',
      '../x',
      'a/b',
      'a\\b',
      'aux.txt',
      '%63on',
      '~',
    ]) {
      expect(fileNameOf(id)).not.toMatch(/^(con|nul|com1|aux)\.|^\.|[/\\]/);
      expect(idOfFileName(fileNameOf(id))).toBe(id);
    }
    expect(fileNameOf('chat-7')).toBe('chat-7.json');
    expect(fileNameOf('A')).toBe('%41.json');
  });

  test('of long ids that begin alike differ', async () => {
    const ids = ['x', 'y'].map((end) => 'Ä'.repeat(255) + end);
    expect(new Set(ids.map(fileNameOf)).size).toBe(2);
    const store = open();
    for (const id of ids) await store.saveSession(id, conversation(id));
    for (const id of ids) await store.set(id, id);
    expect((await store.listSessions({ orderBy: 'id', order: 'asc' })).sort()).toEqual(ids.sort());
    for (const id of ids) expect([(await store.getSession(id))?.id, await store.get(id)]).toEqual([id, id]);
    await store.close();
  });
});
