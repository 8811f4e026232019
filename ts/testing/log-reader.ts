/** How the suite for event logs awaits events that are to come. */
import type { Event } from '../types.js';
import type { LogSubject } from './log-subject.js';

/** Awaits events, each for no longer than the subject has patience. */
export function reader({ soon }: LogSubject) {
  /** The next so many events. */
  const nextOf = async (events: AsyncIterator<Event>, count: number): Promise<Event[]> => {
    const found: Event[] = [];
    while (found.length < count) {
      const step = await soon(`event ${found.length + 1} of ${count} that it was to bring`, events.next());
      if (step.done === true) throw new Error(`it ended after ${found.length} of ${count} events`);
      found.push(step.value);
    }
    return found;
  };
  const nextPayloads = async (events: AsyncIterator<Event>, count: number): Promise<unknown[]> =>
    (await nextOf(events, count)).map(({ payload }) => payload);
  /** The payloads of the next events, up to this one: what is missing before it need not be waited for. */
  const payloadsUntil = async (events: AsyncIterator<Event>, last: unknown): Promise<unknown[]> => {
    const found: unknown[] = [];
    while (found.at(-1) !== last) {
      const step = await soon(`the event ${String(last)} that it was to bring`, events.next());
      if (step.done === true) throw new Error(`it ended before ${String(last)}, after ${found.length} events`);
      found.push(step.value.payload);
    }
    return found;
  };
  const leave = async (events: AsyncIterator<Event>): Promise<unknown> =>
    soon('the end of one that is left', Promise.resolve(events.return?.()));
  return { nextOf, nextPayloads, payloadsUntil, leave };
}
