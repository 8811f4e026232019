/** What an adapter must do that appends messages, or reads a part of a session. */
import type { ChatMessage } from '../types.js';
import { at, newSession, ODD_TEXT, OUT_BY, sampleSession } from './samples.js';
import { failureOf, type Chapter } from './subject.js';

const message = (id: string): ChatMessage => ({
  id,
  role: 'agent',
  content: `${ODD_TEXT} – ${id}`,
  timestamp: at(5),
  streaming: false,
  planId: 'plan-1',
  stepId: 'step-2',
});
const idsOf = (messages: readonly ChatMessage[] | null | undefined): string[] => (messages ?? []).map(({ id }) => id);

/** `appendMessages`. */
export const appending: Chapter = ({ describe, it, expect }, subject, has) => {
  if (!has('appendMessages')) return;
  describe('Appending Messages', () => {
    it('should append messages as they are at the call, and give the new count', async () => {
      await subject.adapter.saveSession('session-1', sampleSession('session-1'));
      const added = [message('m4'), message('m5')];
      const appending = subject.adapter.appendMessages('session-1', added);
      added.pop();
      expect(await appending).toBe(5);
      // They are the caller's, and stay as they are.
      expect(added).toEqual([message('m4')]);
      const before = sampleSession('session-1');
      const after = await subject.adapter.getSession('session-1');
      expect({ ...after, updatedAt: before.updatedAt }).toEqual({
        ...before,
        messages: [...before.messages, message('m4'), message('m5')],
      });
      expect(await subject.adapter.appendMessages('session-1', [])).toBe(5);
    });

    it('should make updatedAt the later of what is stored and now', async () => {
      // By the store's clock, which need not be that of this process.
      const start = Date.now() - OUT_BY;
      const future = new Date(start + 3_600_000);
      await subject.adapter.saveSession('past', sampleSession('past'));
      await subject.adapter.saveSession('future', { ...sampleSession('future'), updatedAt: future });
      for (const id of ['past', 'future']) await subject.adapter.appendMessages(id, [message('m4')]);
      expect(Number((await subject.adapter.getSession('past'))?.updatedAt)).toBeGreaterThanOrEqual(start);
      expect((await subject.adapter.getSession('future'))?.updatedAt).toEqual(future);
      expect(await subject.adapter.listSessions({ updatedAfter: start })).toEqual(['future', 'past']);
    });

    it('should append in the order of the calls, between the saves', async () => {
      const names = Array.from({ length: 20 }, (_, index) => `a${index}`);
      const writes: Promise<unknown>[] = [subject.adapter.saveSession('session-1', sampleSession('session-1'))];
      writes.push(subject.adapter.appendMessages('session-1', [message('lost')]));
      writes.push(subject.adapter.saveSession('session-1', newSession('session-1')));
      for (const name of names) writes.push(subject.adapter.appendMessages('session-1', [message(name)]));
      await Promise.all(writes);
      expect(idsOf((await subject.adapter.getSession('session-1'))?.messages)).toEqual(names);
    });

    it('should refuse to append to a session that is not there, and make none', async () => {
      const failure = await failureOf(subject.adapter.appendMessages('missing', [message('m1')]));
      expect(failure?.['code']).toBe('ERR_SESSION_UNKNOWN');
      expect(await subject.adapter.getSession('missing')).toBeNull();
    });
  });
};

/** `getMessages` and `getSessionInfo`. */
export const partialReading: Chapter = ({ describe, it, expect }, subject, has) => {
  const save = async (count: number): Promise<void> => {
    // The later one is, the earlier its time.
    const messages = Array.from({ length: count }, (_, index) => ({ ...message(`m${index}`), timestamp: at(-index) }));
    await subject.adapter.saveSession('session-1', { ...sampleSession('session-1'), messages });
  };

  if (has('getMessages')) {
    describe('Reading Messages', () => {
      it('should give the part that is asked for', async () => {
        await save(10);
        const part = async (range?: object): Promise<string> =>
          idsOf(await subject.adapter.getMessages('session-1', range)).join();
        expect(await part()).toBe('m0,m1,m2,m3,m4,m5,m6,m7,m8,m9');
        expect(await part({ last: 2 })).toBe('m8,m9');
        expect(await part({ before: 3 })).toBe('m0,m1,m2');
        expect(await part({ limit: 2 })).toBe('m0,m1');
        expect(await part({ before: 8, last: 3 })).toBe('m5,m6,m7');
        expect(await part({ before: 8, last: 3, limit: 2 })).toBe('m5,m6');
        expect(await part({ last: 99, before: 99, limit: 99 })).toBe('m0,m1,m2,m3,m4,m5,m6,m7,m8,m9');
        for (const nothing of [{ last: 0 }, { before: 0 }, { limit: 0 }]) expect(await part(nothing)).toBe('');
      });

      it('should give messages as they were saved, and null where there is no session', async () => {
        await save(1);
        expect(await subject.adapter.getMessages('session-1')).toEqual([{ ...message('m0'), timestamp: at(0) }]);
        await save(0);
        expect(await subject.adapter.getMessages('session-1')).toEqual([]);
        expect(await subject.adapter.getMessages('missing')).toBeNull();
      });
    });
  }
  if (has('getSessionInfo')) {
    describe('Session Info', () => {
      it('should tell of a session without its messages', async () => {
        await save(7);
        const { messageCount, activeAgent, createdAt, updatedAt, sizeBytes, version } =
          (await subject.adapter.getSessionInfo('session-1')) ?? {};
        expect({ messageCount, activeAgent, createdAt, updatedAt }).toEqual({
          messageCount: 7,
          activeAgent: 'writer',
          createdAt: at(0),
          updatedAt: at(1),
        });
        // Who compresses needs little for it.
        expect(sizeBytes).toBeGreaterThanOrEqual(1);
        if (has('getVersioned')) expect((await subject.adapter.getVersioned('session-1'))?.version).toBe(version);
        await subject.adapter.saveSession('new', newSession('new'));
        const info = await subject.adapter.getSessionInfo('new');
        expect([info?.messageCount, info?.activeAgent]).toEqual([0, undefined]);
        expect(await subject.adapter.getSessionInfo('missing')).toBeNull();
      });
    });
  }
};
