/** What an adapter must do with a signal that ends what reads the whole store. */
import { getEventListeners } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { sampleSession } from './samples.js';
import { failureOf, type CapableSubject, type Chapter } from './subject.js';

type Call = (signal: AbortSignal) => Promise<unknown>;

const REASON = new Error('nobody wants it any more');

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

/** What a call is rejected with whose signal is given as soon as it was called; null where it was quicker. */
async function failureOfStopped(call: Call): Promise<unknown> {
  const stop = new AbortController();
  const called = call(stop.signal);
  stop.abort(REASON);
  return failureOf(called);
}

/** How many listeners a call leaves with a signal: where it comes to its end, and where it is stopped. */
async function listenersLeft(call: () => Call): Promise<[number, number]> {
  const [unused, stop] = [new AbortController(), new AbortController()];
  await call()(unused.signal);
  const called = failureOf(call()(stop.signal));
  stop.abort(REASON);
  await called;
  return [listeners(unused.signal), listeners(stop.signal)];
}

const save = async ({ adapter }: CapableSubject): Promise<void> => {
  for (const id of ['a', 'b']) await adapter.saveSession(id, sampleSession(id));
  await adapter.set('key', 1);
};

/** `verify` with a signal. */
export const stoppedVerification: Chapter = ({ describe, it, expect }, subject, has) => {
  if (!has('verify')) return;
  const verify: Call = (signal) => subject.adapter.verify({ signal });

  describe('Stopped Verification', () => {
    it('should not verify once the signal has been given', async () => {
      await save(subject);
      expect(await failureOf(verify(AbortSignal.abort(REASON)))).toBe(REASON);
    });

    it('should stop verifying for the reason of the signal, or be done, and verify all the next time', async () => {
      await save(subject);
      expect((await failureOfStopped(verify)) ?? REASON).toBe(REASON);
      expect(await listenersLeft(() => verify)).toEqual([0, 0]);
      expect(await subject.adapter.verify()).toEqual({ sessions: 2, keys: 1, messages: 6, damaged: [] });
    });
  });
};

/** `backup` with a signal. */
export const stoppedBackup: Chapter = ({ describe, it, expect, beforeEach, afterEach }, subject, has) => {
  if (!has('backup')) return;
  describe('Stopped Backup', () => {
    let directory = '';
    let copies = 0;
    beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), 'smalltalk-native-contract-'));
    });
    afterEach(() => rmSync(directory, { recursive: true, force: true }));

    const backup = (): Call => {
      copies += 1;
      const path = join(directory, `${copies}.copy`);
      return (signal) => subject.adapter.backup(path, { signal });
    };

    it('should make no copy once the signal has been given', async () => {
      await save(subject);
      expect(await failureOf(backup()(AbortSignal.abort(REASON)))).toBe(REASON);
      expect(readdirSync(directory)).toEqual([]);
    });

    it('should stop for the reason of the signal and leave nothing behind, or be done', async () => {
      await save(subject);
      const failure = await failureOfStopped(backup());
      expect(failure ?? REASON).toBe(REASON);
      if (failure !== null) expect(readdirSync(directory)).toEqual([]);
      expect(await listenersLeft(backup)).toEqual([0, 0]);
      expect((await subject.adapter.listSessions()).sort()).toEqual(['a', 'b']);
    });
  });
};
