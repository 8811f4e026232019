/** What an adapter must do that compares versions before it saves. */
import { ConflictError } from '../errors.js';
import { at, newSession, sampleSession } from './samples.js';
import { failureOf, type CapableSubject, type Chapter } from './subject.js';

const versionIn = async ({ adapter }: CapableSubject, id: string): Promise<number> =>
  (await adapter.getVersioned(id))?.version ?? NaN;

/** `getVersioned` and `saveVersioned`. */
export const versions: Chapter = ({ describe, it, expect }, subject, has) => {
  if (!has('getVersioned') || !has('saveVersioned')) return;
  const save = (ifVersion: number | null): Promise<{ version: number }> =>
    subject.adapter.saveVersioned('session-1', sampleSession('session-1'), { ifVersion });

  describe('Versions', () => {
    it('should give a session with its version, and null where there is none', async () => {
      const session = sampleSession('session-1');
      const saving = subject.adapter.saveVersioned('session-1', session, { ifVersion: null });
      session.messages.pop();
      const { version } = await saving;
      expect(session.messages).toEqual(sampleSession('session-1').messages.slice(0, -1));
      expect(await subject.adapter.getVersioned('session-1')).toEqual({ session: sampleSession('session-1'), version });
      const empty = await subject.adapter.saveVersioned('new', newSession('new'), { ifVersion: null });
      expect(await subject.adapter.getVersioned('new')).toEqual({ session: newSession('new'), ...empty });
      expect(await subject.adapter.getVersioned('missing')).toBeNull();
    });

    it('should save over the version that was read, and over no other', async () => {
      const first = await save(null);
      const second = await save(first.version);
      expect(await versionIn(subject, 'session-1')).toBe(second.version);
      expect((await failureOf(save(first.version)))?.['code']).toBe('ERR_CONFLICT');
      expect((await failureOf(save(null)))?.['code']).toBe('ERR_CONFLICT');
      // Nobody can have read one that there has not been yet.
      expect((await failureOf(save(second.version + 1)))?.['code']).toBe('ERR_CONFLICT');
      expect(await versionIn(subject, 'session-1')).toBe(second.version);
    });

    it('should tell the loser both versions, and write nothing of its', async () => {
      const { version } = await save(null);
      const other = { ...sampleSession('session-1'), activeAgent: 'loser' };
      const failure = await failureOf(subject.adapter.saveVersioned('session-1', other, { ifVersion: null }));
      // Whoever tries again asks for the class, which is known by its brand in every copy of this package.
      expect(failure instanceof ConflictError).toBe(true);
      const { code, expected, actual } = failure ?? {};
      expect({ code, expected, actual }).toEqual({ code: 'ERR_CONFLICT', expected: null, actual: version });
      expect(await subject.adapter.getSession('session-1')).toEqual(sampleSession('session-1'));
      const gone = (await failureOf(subject.adapter.saveVersioned('missing', other, { ifVersion: version }))) ?? {};
      expect({ expected: gone['expected'], actual: gone['actual'] }).toEqual({ expected: version, actual: null });
    });

    it('should have versions grow with every change, also across deleting a session', async () => {
      const seen = [(await save(null)).version];
      const look = async (): Promise<void> => void seen.push(await versionIn(subject, 'session-1'));
      await subject.adapter.saveSession('session-1', sampleSession('session-1'));
      await look();
      if (has('appendMessages')) {
        await subject.adapter.appendMessages('session-1', sampleSession('session-2').messages);
        await look();
      }
      if (has('saveSessions')) {
        await subject.adapter.saveSessions([['session-1', sampleSession('session-1')]]);
        await look();
      }
      // However it goes away, what comes after it under its id has a version of its own.
      const { adapter } = subject;
      const ways: (() => Promise<unknown>)[] = [() => adapter.deleteSession('session-1'), () => adapter.clear()];
      if (has('deleteSessions')) ways.push(() => adapter.deleteSessions(['session-1']));
      if (has('prune')) ways.push(() => adapter.prune({ updatedBefore: at(2) }));
      for (const remove of ways) {
        await remove();
        expect(await adapter.getVersioned('session-1')).toBeNull();
        await save(null);
        await look();
      }
      expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
    });

    it('should not take a version of before a restart for one of after it', async () => {
      const { version } = await save(null);
      const refuse = async (): Promise<void> => expect((await failureOf(save(version)))?.['code']).toBe('ERR_CONFLICT');
      await subject.restart();
      // Where nothing is kept, versions are not kept either.
      if (subject.adapter.persistent === false) return refuse();
      expect(await versionIn(subject, 'session-1')).toBe(version);
      await subject.adapter.saveSession('session-1', sampleSession('session-1'));
      await refuse();
      await (has('deleteSessions')
        ? subject.adapter.deleteSessions(['session-1'])
        : subject.adapter.deleteSession('session-1'));
      await subject.restart();
      await save(null);
      await refuse();
    });

    it('should let one of many who read the same version win', async () => {
      const { version } = await save(null);
      const saves = Array.from({ length: 10 }, (_, winner) =>
        subject.adapter
          .saveVersioned('session-1', { ...sampleSession('session-1'), winner }, { ifVersion: version })
          .then(() => winner),
      );
      const won = (await Promise.allSettled(saves)).filter((save) => save.status === 'fulfilled');
      expect(won.map(({ value }) => value)).toEqual([(await subject.adapter.getSession('session-1'))?.['winner']]);
    });
  });
};
