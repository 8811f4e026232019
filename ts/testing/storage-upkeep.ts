/** What an adapter must do that removes what is old, tells when keys end, or verifies what it has. */
import { at, eventually, OUT_BY, sampleSession } from './samples.js';
import { failureOf, type CapableSubject, type Chapter } from './subject.js';

/** In seconds: no whole ones, more than a minute, more than an hour, and more than a timer waits. */
const TTLS = [1.3, 90, 7_200, 30 * 86_400];

/** The ttls after which a key that is set so is not said to end, each with what is said, in milliseconds from now. */
export async function misdated(
  { adapter }: CapableSubject,
  set: (key: string, ttl: number) => Promise<void>,
): Promise<unknown[]> {
  const wrong: unknown[] = [];
  for (const ttl of TTLS) {
    const called = Date.now();
    await set(`for ${ttl}`, ttl);
    const done = Date.now();
    const end = (await adapter.getExpiry(`for ${ttl}`)) ?? NaN;
    const fits = end >= called + ttl * 1000 - OUT_BY && end <= done + ttl * 1000 + OUT_BY;
    if (!fits) wrong.push({ ttl, said: end - called });
  }
  return wrong;
}

/** `prune`. */
export const pruning: Chapter = ({ describe, it, expect }, subject, has) => {
  if (!has('prune')) return;
  const saveThree = async (): Promise<void> => {
    for (const minute of [1, 2, 3]) {
      await subject.adapter.saveSession(`s${minute}`, { ...sampleSession(`s${minute}`), updatedAt: at(minute) });
    }
    await subject.adapter.set('key', 1);
  };

  describe('Pruning', () => {
    it('should remove sessions whose last update is earlier, and nothing else', async () => {
      await saveThree();
      const { sessions, messages, dryRun, bytesFreed } = await subject.adapter.prune({ updatedBefore: at(2) });
      expect({ sessions, messages, dryRun }).toEqual({ sessions: 1, messages: 3, dryRun: false });
      expect(bytesFreed).toBeGreaterThanOrEqual(0);
      expect(await subject.adapter.listSessions()).toEqual(['s3', 's2']);
      expect(await subject.adapter.getSession('s1')).toBeNull();
      expect(await subject.adapter.get('key')).toBe(1);
      expect((await subject.adapter.prune({ updatedBefore: Number(at(2)) })).sessions).toBe(0);
    });

    it('should only count in a dry run', async () => {
      await saveThree();
      const { sessions, messages, dryRun } = await subject.adapter.prune({ updatedBefore: at(3), dryRun: true });
      expect({ sessions, messages, dryRun }).toEqual({ sessions: 2, messages: 6, dryRun: true });
      expect(await subject.adapter.listSessions()).toEqual(['s3', 's2', 's1']);
    });

    it('should remove nothing where no moment is given', async () => {
      await saveThree();
      // To refuse is right as well, and what a strict adapter does.
      for (const options of [undefined, {}, { updatedBefore: undefined }]) {
        await failureOf(Promise.resolve().then(() => subject.adapter.prune(options as never)));
        expect(await subject.adapter.listSessions()).toEqual(['s3', 's2', 's1']);
      }
    });

    it('should do nothing once its signal has been given', async () => {
      await saveThree();
      const pruned = subject.adapter.prune({ updatedBefore: at(3), signal: AbortSignal.abort() });
      expect((await failureOf(pruned))?.['name']).toBe('AbortError');
      expect(await subject.adapter.listSessions()).toEqual(['s3', 's2', 's1']);
    });
  });
};

/** `getExpiry`. */
export const expiry: Chapter = ({ describe, it, expect }, subject, has) => {
  if (!has('getExpiry')) return;
  describe('Expiry', () => {
    it('should tell when a key ends', async () => {
      const start = Date.now();
      await subject.adapter.set('hour', 1, 3_600);
      await subject.adapter.set('stays', 1, 3_600);
      await subject.adapter.set('stays', 1);
      // Twice as long as a clock may be out: an hour that begins anew behind it is told from that.
      await subject.adapter.set('over', 1, (2 * OUT_BY) / 1000);
      const end = Number(await subject.adapter.getExpiry('hour'));
      expect(end - 3_600_000).toBeGreaterThanOrEqual(start - OUT_BY);
      expect(Date.now() + OUT_BY).toBeGreaterThanOrEqual(end - 3_600_000);
      expect(await subject.adapter.getExpiry('stays')).toBe(Infinity);
      expect(await subject.adapter.getExpiry('missing')).toBeNull();
      await eventually(async () => !(await subject.adapter.has('over')));
      expect(await subject.adapter.getExpiry('over')).toBeNull();
      expect(await misdated(subject, (key, ttl) => subject.adapter.set(key, 1, ttl))).toEqual([]);
      if (subject.adapter.persistent === false) return;
      // The hour does not begin anew; whoever asks how much is left of it may be out by a few.
      await subject.restart();
      const ends = Number((await subject.adapter.getExpiry('hour')) ?? NaN);
      expect(end + OUT_BY).toBeGreaterThanOrEqual(ends);
      expect(await subject.adapter.getExpiry('stays')).toBe(Infinity);
    });
  });
};

/** `verify`. */
export const verification: Chapter = ({ describe, it, expect }, subject, has) => {
  if (!has('verify')) return;
  describe('Verification', () => {
    it('should find nothing damaged in what it has just written, and count it', async () => {
      for (const id of ['a', 'b']) await subject.adapter.saveSession(id, sampleSession(id));
      await subject.adapter.set('key', 1);
      expect(await subject.adapter.verify()).toEqual({ sessions: 2, keys: 1, messages: 6, damaged: [] });
    });
  });
};
