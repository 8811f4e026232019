/** What becomes of an agent: a pure state machine, the one that `docs/health-monitor.md` shows as a table. */
import type { AgentState } from './types.js';

/** What happens to an agent. */
export type Cause =
  /** A sign of life, or the end of what spoke against it. */
  | 'alive'
  /** It missed a beat, its work is overdue, or its loop is frozen. */
  | 'missed'
  /** It is gone. */
  | 'gone'
  /** An attempt to recover it begins. */
  | 'attempt'
  /** The attempt worked, and the agent has caught up. */
  | 'recovered'
  /** The attempts are used up. */
  | 'gave up';

/** `busy` is a healthy agent with work in flight. */
type Base = Exclude<AgentState, 'busy'>;

/** Where each cause leads; what is not here changes nothing. */
export const TRANSITIONS: Readonly<Record<Base, Partial<Record<Cause, Base>>>> = {
  healthy: { missed: 'suspect', gone: 'disconnected' },
  suspect: { alive: 'healthy', gone: 'disconnected' },
  disconnected: { alive: 'healthy', attempt: 'recovering', 'gave up': 'failed' },
  recovering: { alive: 'healthy', attempt: 'recovering', recovered: 'healthy', 'gave up': 'failed' },
  failed: { alive: 'healthy' },
};

/** The states of one agent. */
export class Life {
  #base: Base = 'healthy';
  /** The numbers of the work in flight, in the order in which it was begun. */
  #works: number[] = [];
  #nextWork = 1;
  #firstWork = 1;

  get state(): AgentState {
    return this.#base === 'healthy' && this.works > 0 ? 'busy' : this.#base;
  }

  /** Something happened. Gives the state before, where that has to be announced: every transition has one announcement. */
  take(cause: Cause): AgentState | null {
    const next = TRANSITIONS[this.#base][cause];
    if (next === undefined) return null;
    const previous = this.state;
    this.#base = next;
    if (cause === 'attempt') this.#firstWork = this.#nextWork;
    return previous;
  }

  /** Work begins. Busy or not is nothing that is announced. Gives its number. */
  begin(): number {
    this.#works.push(this.#nextWork);
    return this.#nextWork++;
  }

  /** Work ends. `false` where it is nobody's any more. */
  end(work: number): boolean {
    const place = this.#works.indexOf(work);
    if (place >= 0) this.#works.splice(place, 1);
    return place >= 0;
  }

  /**
   * Whether the end of work shows that the agent lives. Until one that was called back has come, the call itself may have ended
   * what was begun before, and what fails may do so because there is nobody.
   */
  isShownBy(work: number, done: boolean): boolean {
    const gone = this.#base === 'recovering' || this.#base === 'failed';
    return !gone || (done && work >= this.#firstWork);
  }

  /** Work of an earlier life, before the one numbered `first`, is nobody's any more. */
  rest(first = this.#nextWork): void {
    this.#works = this.#works.filter((work) => work >= first);
  }

  /** Work in flight. */
  get works(): number {
    return this.#works.length;
  }

  /** The number of the first work from the last attempt on: that belongs to the life that the attempt brings. */
  get firstWork(): number {
    return this.#firstWork;
  }

  /** The number that the next work will have. */
  get nextWork(): number {
    return this.#nextWork;
  }
}
