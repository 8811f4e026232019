/** What a strict adapter must do when a program does not wait: calls at once, and their order. */
import type { Capability } from '../storage/capabilities.js';
import type { ChatSession } from '../types.js';
import { numbers, sampleSession } from './samples.js';
import type { CapableSubject, Chapter } from './subject.js';

const CALLS = 400;

/** At a session while it is saved. */
const LOOKS = 20;

/** A key or a session: every state that it has been given, the last one last. */
interface Place {
  states: (number | null)[];
  write(turn: number): Promise<unknown>;
  read(): Promise<number | null>;
  remove(): Promise<unknown>;
}

/** A session that says in every part of it which turn it is of, so that a mixture is seen. */
function sessionOf(turn: number): ChatSession {
  const [first] = sampleSession('s').messages;
  const messages = Array.from({ length: 1 + (turn % 7) }, () => ({ ...first, content: `${turn}` }));
  return { ...sampleSession('s'), messages: messages as ChatSession['messages'], context: { turn } };
}

/** The turn of a session; NaN where its parts are of several. */
function turnOf(session: ChatSession | null): number | null {
  if (session === null) return null;
  const turn = Number(session.context?.['turn']);
  const whole =
    session.messages.length === 1 + (turn % 7) && session.messages.every(({ content }) => content === `${turn}`);
  return whole ? turn : NaN;
}

function placesOf({ adapter }: CapableSubject, has: (capability: Capability) => boolean): Place[] {
  const keys = ['a', 'b', 'c'].map((key): Place => ({
    states: [null],
    write: (turn) => adapter.set(key, turn),
    read: () => adapter.get<number>(key),
    remove: () => adapter.delete(key),
  }));
  const sessions = ['a', 'b', 'c'].map((id): Place => ({
    states: [null],
    write: (turn) => adapter.saveSession(id, sessionOf(turn)),
    read: async () => turnOf(await adapter.getSession(id)),
    remove: () => adapter.deleteSession(id),
  }));
  // The same by batches, wherever it has them: they stand in the same line.
  const batches: Place[] = [
    {
      states: [null],
      write: (turn) => (has('setMany') ? adapter.setMany([['d', turn]]) : adapter.set('d', turn)),
      read: async () => (has('getMany') ? ((await adapter.getMany<number>(['d'])).get('d') ?? null) : adapter.get('d')),
      remove: async () => (has('deleteMany') ? (await adapter.deleteMany(['d'])) === 1 : adapter.delete('d')),
    },
    {
      states: [null],
      write: (turn) =>
        has('saveSessions')
          ? adapter.saveSessions([['d', sessionOf(turn)]])
          : adapter.saveSession('d', sessionOf(turn)),
      read: async () =>
        turnOf(
          (has('getSessions') ? (await adapter.getSessions(['d'])).get('d') : await adapter.getSession('d')) ?? null,
        ),
      remove: async () =>
        has('deleteSessions') ? (await adapter.deleteSessions(['d'])) === 1 : adapter.deleteSession('d'),
    },
  ];
  return [...keys, ...sessions, ...batches];
}

/** Concurrency and call order. */
export const hostileOrder: Chapter = ({ describe, it, expect }, subject, has) => {
  describe('Hostile Order', () => {
    it('should answer calls that nobody waits for in the order in which they were made', async () => {
      const places = placesOf(subject, has);
      const next = numbers(3);
      const wrong: unknown[] = [];
      const calls: Promise<unknown>[] = [];
      for (let turn = 1; turn <= CALLS; turn += 1) {
        const place = places[next(places.length)] as Place;
        const what = next(20);
        const last = place.states.at(-1) ?? null;
        if (what < 8) {
          place.states.push(turn);
          calls.push(place.write(turn));
        } else if (what < 11) {
          place.states.push(null);
          calls.push(place.remove().then((there) => there === (last !== null) || wrong.push({ turn, there, last })));
        } else if (what < 12) {
          for (const one of places) one.states.push(null);
          calls.push(subject.adapter.clear());
        } else {
          // It must see what was asked for before it; it may see what was asked for later.
          const since = place.states.length - 1;
          calls.push(
            place.read().then((read) => place.states.includes(read, since) || wrong.push({ turn, read, last })),
          );
        }
      }
      await Promise.all(calls);
      expect(wrong).toEqual([]);
      const found = await Promise.all(places.map((place) => place.read()));
      expect(found).toEqual(places.map(({ states }) => states.at(-1)));
    });

    it('should show the old state or the new one, never a mixture', async () => {
      const { adapter } = subject;
      // Larger than what is written or read at one go.
      const large = (turn: number): ChatSession => ({
        ...sessionOf(turn),
        messages: Array.from({ length: 300 }, (_, n) => ({
          id: `m${n}`,
          role: 'user',
          content: `${turn} ${'x'.repeat(1_000)}`,
          timestamp: new Date(n),
        })),
      });
      const turnsIn = (session: ChatSession | null): unknown[] => [
        ...new Set([
          session?.context?.['turn'],
          ...(session?.messages ?? []).map(({ content }) => Number.parseInt(content, 10)),
        ]),
      ];
      const seen: unknown[][] = [];
      const calls: Promise<unknown>[] = [];
      const call = (promise: Promise<unknown>): void => {
        // What fails is told at the end: until then nobody else shall hear of it.
        promise.catch(() => undefined);
        calls.push(promise);
      };
      const look = (): void => call(adapter.getSession('large').then((session) => seen.push(turnsIn(session))));
      for (let turn = 0; turn < 6; turn += 1) {
        let saved = false;
        call(adapter.saveSession('large', large(turn)).finally(() => (saved = true)));
        for (let looks = 0; looks < LOOKS && !saved; looks += 1) {
          look();
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      await Promise.all(calls);
      expect(seen.filter((turns) => turns.length !== 1)).toEqual([]);
      expect(turnsIn(await adapter.getSession('large'))).toEqual([5]);
      expect((await adapter.getSession('large'))?.messages.length).toBe(300);
    });
  });
};
