/** What a strict adapter must do when a program does not wait: calls at once, and their order. */
import type { Capability } from '../storage/capabilities.js';
import type { ChatMessage, ChatSession } from '../types.js';
import { newSession, numbers, sampleSession } from './samples.js';
import { failureOf, type CapableSubject, type Chapter } from './subject.js';

const CALLS = 400;

/** At a session while it is saved. */
const LOOKS = 20;

/** What there is: a turn, or all turns since it was made, or nothing. */
type State = number | string | null;

/** A key or a session: every state that it has been given, the last one last. */
interface Place {
  states: State[];
  /** What a write makes of the last state. Default: the turn. */
  next?(turn: number, last: State): State;
  write(turn: number, last: State): Promise<unknown>;
  read(): Promise<State>;
  remove(): Promise<unknown>;
  /** A write that has to be refused where there is something; whether it was. */
  lose?(): Promise<boolean>;
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
  return [...keys, ...sessions, ...batches, ...growingPlaces(adapter, has)];
}

/** Sessions that grow, and are made and read by their versions, wherever it has that: no message may be left out. */
function growingPlaces(adapter: CapableSubject['adapter'], has: (capability: Capability) => boolean): Place[] {
  const versions = has('getVersioned') && has('saveVersioned');
  if (!has('appendMessages') && !has('getMessages') && !versions) return [];
  const [first] = sampleSession('s').messages as [ChatMessage];
  const holding = (turns: State): ChatSession => ({
    ...newSession('s'),
    messages: `${turns}`.split(',').map((id) => ({ ...first, id })),
  });
  const turnsIn = (messages: readonly ChatMessage[] | null | undefined): State =>
    messages?.map(({ id }) => id).join() ?? null;
  const next = (turn: number, last: State): State => (last === null ? turn.toString() : `${last},${turn}`);
  return ['e', 'f'].map((id) => {
    const reads = [async () => turnsIn((await adapter.getSession(id))?.messages)];
    if (has('getMessages')) reads.push(async () => turnsIn(await adapter.getMessages(id)));
    if (versions) reads.push(async () => turnsIn((await adapter.getVersioned(id))?.session.messages));
    let asked = 0;
    const place: Place = {
      states: [null],
      next,
      write: (turn, last) => {
        if (last === null && versions) return adapter.saveVersioned(id, holding(turn), { ifVersion: null });
        if (last === null || !has('appendMessages')) return adapter.saveSession(id, holding(next(turn, last)));
        return adapter.appendMessages(id, holding(turn).messages);
      },
      // By each way in turn.
      read: () => (reads[(asked += 1) % reads.length] as Place['read'])(),
      remove: () => adapter.deleteSession(id),
    };
    if (versions)
      place.lose = async () =>
        (await failureOf(adapter.saveVersioned(id, holding('lost'), { ifVersion: null })))?.['code'] === 'ERR_CONFLICT';
    return place;
  });
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
          place.states.push(place.next?.(turn, last) ?? turn);
          calls.push(place.write(turn, last));
        } else if (what < 11) {
          place.states.push(null);
          calls.push(place.remove().then((there) => there === (last !== null) || wrong.push({ turn, there, last })));
        } else if (what < 12) {
          for (const one of places) one.states.push(null);
          calls.push(subject.adapter.clear());
        } else if (what < 13 && place.lose !== undefined && last !== null) {
          calls.push(place.lose().then((lost) => lost || wrong.push({ turn, lost, last })));
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
