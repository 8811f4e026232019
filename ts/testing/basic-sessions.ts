/** What every adapter must do with sessions. */
import { types } from 'node:util';

import type { ChatMessage } from '../types.js';
import { at, listingsBut, LONG_TEXT, newSession, sampleSession } from './samples.js';
import { failureOf, orRefused, type BasicChapter } from './subject.js';

/** Sessions: 6 tests. */
export const sessions: BasicChapter = ({ describe, it, expect }, subject) => {
  describe('Session Management', () => {
    it('should save a session, and save it again', async () => {
      const session = sampleSession('session-1');
      await subject.adapter.saveSession('session-1', session);
      session.activeAgent = 'reviewer';
      session.messages.pop();
      await subject.adapter.saveSession('session-1', session);
      expect(await subject.adapter.getSession('session-1')).toEqual(session);
      // All of it is replaced: what is not in it any more is gone.
      const edited = { ...newSession('session-1'), createdAt: at(-1), messages: session.messages.reverse() };
      edited.messages[0] = { id: 'session-1-m3', role: 'user', content: '1815', timestamp: at(3) };
      for (const next of [edited, newSession('session-1')]) {
        await subject.adapter.saveSession('session-1', next);
        expect(await subject.adapter.getSession('session-1')).toEqual(next);
      }
    });

    it('should retrieve a copy of a session as it was saved, dates as dates', async () => {
      const session = sampleSession('session-1');
      // Where it is kept is what the call says; the id that it has is data.
      const saving = subject.adapter.saveSession('place-1', session);
      Object.assign(session.messages[1]?.metadata ?? {}, { tokens: 0 });
      session.messages.shift();
      await saving;
      const retrieved = await subject.adapter.getSession('place-1');
      expect(retrieved).toEqual(sampleSession('session-1'));
      // Not instanceof: a copy by structuredClone has the Date of another realm under some runners.
      expect(types.isDate(retrieved?.createdAt)).toBe(true);
      expect(types.isDate(retrieved?.messages[0]?.timestamp)).toBe(true);
      retrieved?.messages.pop();
      expect(await subject.adapter.getSession('place-1')).toEqual(sampleSession('session-1'));
      // Whoever reads it has one of their own, down to what its members have inside.
      const changed = await subject.adapter.getSession('place-1');
      for (const inside of [
        changed?.context,
        changed?.context?.['tags'],
        changed?.messages[1],
        changed?.messages[1]?.metadata,
      ])
        Object.assign(inside ?? {}, { 0: 'changed' });
      expect(await subject.adapter.getSession('place-1')).toEqual(sampleSession('session-1'));
      // Another one with the same messages, and a long one beside them, takes none of them away.
      const fork = sampleSession('session-1');
      fork.messages.push({ id: 'long', role: 'agent', content: LONG_TEXT, timestamp: at(-1) });
      await subject.adapter.saveSession('place-2', fork);
      const forked = await subject.adapter.getSession('place-2');
      // A difference of such texts is not for reading.
      expect(forked?.messages.at(-1)?.content === LONG_TEXT).toBe(true);
      expect(forked?.messages.map(({ id }) => id)).toEqual(fork.messages.map(({ id }) => id));
      expect(await subject.adapter.getSession('place-1')).toEqual(sampleSession('session-1'));
      // What there is no room for in some tables may be refused; what is taken is kept whole.
      const said = (content: string): ChatMessage => ({ id: 'm1', role: 'user', content, timestamp: at(2) });
      for (const messages of [[said('before\0after')], [said('twice'), said('of one id')]]) {
        const odd = { ...newSession('odd'), messages };
        const failure = await failureOf(Promise.resolve().then(() => subject.adapter.saveSession('odd', odd)));
        if (failure === null) expect(await subject.adapter.getSession('odd')).toEqual(odd);
      }
    });

    it('should delete a session, once', async () => {
      await subject.adapter.saveSession('session-1', sampleSession('session-1'));
      await subject.adapter.set('session-1', 'a key of the same name');
      expect(await subject.adapter.deleteSession('Session-1')).toBe(false);
      // What ends so may be refused; it is no other session.
      expect(await orRefused(() => subject.adapter.deleteSession('session-1 '))).toBe(false);
      expect(await listingsBut(['session-1'], subject.adapter)).toEqual([]);
      expect(await subject.adapter.deleteSession('session-1')).toBe(true);
      expect(await subject.adapter.getSession('session-1')).toBeNull();
      expect(await subject.adapter.deleteSession('session-1')).toBe(false);
      expect(await listingsBut([], subject.adapter)).toEqual([]);
      expect(await subject.adapter.get('session-1')).toBe('a key of the same name');
      // One of the same id has nothing of it.
      await subject.adapter.saveSession('session-1', newSession('session-1'));
      expect(await subject.adapter.getSession('session-1')).toEqual(newSession('session-1'));
      expect(await subject.adapter.listSessions({ activeAgent: 'writer' })).toEqual([]);
    });

    it('should list sessions, the newest update first', async () => {
      for (const [id, created, updated] of [
        ['a', 2, 3],
        ['d', 1, 4],
        ['b', 1, 5],
        ['c', 1, 4],
      ] as const) {
        await subject.adapter.saveSession(id, { ...sampleSession(id), createdAt: at(created), updatedAt: at(updated) });
      }
      expect(await subject.adapter.listSessions()).toEqual(['b', 'd', 'c', 'a']);
      expect(await subject.adapter.listSessions({ order: 'asc' })).toEqual(['a', 'c', 'd', 'b']);
      expect(await subject.adapter.listSessions({ orderBy: 'id', order: 'asc' })).toEqual(['a', 'b', 'c', 'd']);
      expect(await subject.adapter.listSessions({ orderBy: 'createdAt' })).toEqual(['a', 'd', 'c', 'b']);
      expect(await subject.adapter.listSessions({ orderBy: 'createdAt', order: 'asc' })).toEqual(['b', 'c', 'd', 'a']);
      await subject.adapter.saveSession('a', { ...sampleSession('a'), createdAt: at(0), updatedAt: at(6) });
      expect(await subject.adapter.listSessions()).toEqual(['a', 'b', 'd', 'c']);
      expect(await subject.adapter.listSessions({ orderBy: 'createdAt' })).toEqual(['d', 'c', 'b', 'a']);
    });

    it('should list sessions page by page', async () => {
      for (const minute of [1, 2, 3, 4, 5]) {
        const session = { ...sampleSession(`s${minute}`), createdAt: at(-minute), updatedAt: at(minute) };
        await subject.adapter.saveSession(session.id, { ...session, activeAgent: minute === 2 ? 'critic' : 'writer' });
      }
      expect(await subject.adapter.listSessions({ limit: 2 })).toEqual(['s5', 's4']);
      expect(await subject.adapter.listSessions({ limit: 2, offset: 2 })).toEqual(['s3', 's2']);
      expect(await subject.adapter.listSessions({ limit: 2, offset: 4 })).toEqual(['s1']);
      expect(await subject.adapter.listSessions({ limit: 0 })).toEqual([]);
      expect(await subject.adapter.listSessions({ offset: 3 })).toEqual(['s2', 's1']);
      expect(await subject.adapter.listSessions({ offset: 5 })).toEqual([]);
      // A page is one of what passes the filters, in the order that is asked for.
      expect(await subject.adapter.listSessions({ activeAgent: 'critic', limit: 1 })).toEqual(['s2']);
      expect(await subject.adapter.listSessions({ activeAgent: 'writer', limit: 2, offset: 2 })).toEqual(['s3', 's1']);
      expect(await subject.adapter.listSessions({ idPrefix: 's1', limit: 1 })).toEqual(['s1']);
      expect(await subject.adapter.listSessions({ updatedBefore: at(3), limit: 1 })).toEqual(['s2']);
      expect(await subject.adapter.listSessions({ order: 'asc', limit: 2 })).toEqual(['s1', 's2']);
      expect(await subject.adapter.listSessions({ orderBy: 'createdAt', limit: 2 })).toEqual(['s1', 's2']);
    });

    it('should list only the sessions that pass the filters', async () => {
      for (const [id, activeAgent, minute] of [
        ['x/1', 'writer', 1],
        ['x/2', 'critic', 2],
        ['y/1', 'writer', 3],
      ] as const) {
        const session = { ...sampleSession(id), activeAgent, createdAt: at(minute - 5), updatedAt: at(minute) };
        await subject.adapter.saveSession(id, session);
      }
      expect(await subject.adapter.listSessions({ activeAgent: 'writer' })).toEqual(['y/1', 'x/1']);
      expect(await subject.adapter.listSessions({ updatedAfter: at(2) })).toEqual(['y/1', 'x/2']);
      expect(await subject.adapter.listSessions({ updatedBefore: at(2) })).toEqual(['x/1']);
      expect(await subject.adapter.listSessions({ createdAfter: at(-3) })).toEqual(['y/1', 'x/2']);
      expect(await subject.adapter.listSessions({ createdBefore: at(-3) })).toEqual(['x/1']);
      expect(await subject.adapter.listSessions({ idPrefix: 'x/', activeAgent: 'writer' })).toEqual(['x/1']);
      // A moment may be a number as well, and every filter stands beside every other.
      const [second, third] = [Number(at(2)), Number(at(3))];
      expect(await subject.adapter.listSessions({ updatedAfter: second, updatedBefore: third })).toEqual(['x/2']);
      expect(await subject.adapter.listSessions({ createdAfter: second - 5, createdBefore: third - 5 })).toEqual([
        'x/2',
      ]);
      expect(await subject.adapter.listSessions({ updatedAfter: at(2), activeAgent: 'writer' })).toEqual(['y/1']);
      expect(await subject.adapter.listSessions({ updatedAfter: at(2), idPrefix: 'x/' })).toEqual(['x/2']);
      expect(await subject.adapter.listSessions({ updatedAfter: at(1), createdAfter: at(-2) })).toEqual(['y/1']);
      expect(await subject.adapter.listSessions({ updatedBefore: at(4), createdBefore: at(-3) })).toEqual(['x/1']);
      for (const idPrefix of ['X/', '%', '_/', '/'])
        expect(await subject.adapter.listSessions({ idPrefix })).toEqual([]);
      await subject.adapter.saveSession('x/1', { ...newSession('x/1'), updatedAt: at(4) });
      expect(await subject.adapter.listSessions({ activeAgent: 'writer' })).toEqual(['y/1']);
      expect(await subject.adapter.listSessions({ updatedAfter: at(3) })).toEqual(['x/1', 'y/1']);
    });
  });
};
