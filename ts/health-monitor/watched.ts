/** One agent under watch: its listeners, its pings, and what is known about it. */
import { types } from 'node:util';
import type { Worker } from 'node:worker_threads';

import { checkText } from '../ids.js';
import type { Beats } from './beats.js';
import { Life } from './life.js';
import type { Missed } from './missed.js';
import type { Recovery } from './recovery.js';
import type { AgentHealth, AgentState, ErrorSummary, HealthReason, MonitoredAgent, RecoveryStrategy } from './types.js';
import { onExit } from './workers.js';

const BEGAN = Date.now();

/** What does not change while an agent is registered. */
export interface Place {
  id: string;
  strategy: RecoveryStrategy;
  spawn: (() => Worker) | null;
  missed: Missed | null;
  slot: number;
  ticket: number;
}

/** The monitor's record of one agent. */
export class Watched {
  readonly id: string;
  readonly strategy: RecoveryStrategy;
  /** Where it beats. */
  readonly slot: number;
  /** Names this life of the agent in reports; a recovered one gets a new ticket. */
  ticket: number;
  readonly spawn: (() => Worker) | null;
  /** What it missed, where it wants to know. */
  readonly missed: Missed | null;
  /** Made when something happens to it: most agents only ever live. */
  #life: Life | null = null;
  /** Since when it is in its state, from `BEGAN` on: a small integer takes no memory of its own. */
  #since = Date.now() - BEGAN;
  missedBeats = 0;
  #error: ErrorSummary | null = null;
  reason: HealthReason | null = null;
  lastActivity: string | null = null;
  recovery: Recovery | null = null;

  readonly #beats: Beats;
  readonly #events: readonly string[];
  #agent: MonitoredAgent;
  #worker: Worker | null = null;
  #lastWorker: Worker | null = null;
  #detach: () => void = nothing;
  #leaveWorker: () => void = nothing;
  #gone = false;

  constructor(agent: MonitoredAgent, place: Place, events: readonly string[], beats: Beats) {
    this.id = place.id;
    this.strategy = place.strategy;
    this.slot = place.slot;
    this.ticket = place.ticket;
    this.spawn = place.spawn;
    this.missed = place.missed;
    this.#events = events;
    this.#beats = beats;
    this.#agent = agent;
    // In the order of the slots: an array that grew by leaps would become a dictionary.
    beats.expectNothing(place.slot);
  }

  get life(): Life {
    return (this.#life ??= new Life());
  }

  get state(): AgentState {
    return this.#life?.state ?? 'healthy';
  }

  /** Work in flight. */
  get works(): number {
    return this.#life?.works ?? 0;
  }

  get since(): number {
    return BEGAN + this.#since;
  }

  /** It has come into another state. */
  moved(): void {
    this.#since = Date.now() - BEGAN;
  }

  get agent(): MonitoredAgent {
    return this.#agent;
  }

  /** The worker that it is tied to: whose end is its own. */
  get worker(): Worker | null {
    return this.#worker;
  }

  /** Where another one may be started, the same, or the one that it was tied to last: that has to have ended before. */
  get lastWorker(): Worker | null {
    return this.#lastWorker;
  }

  get pingable(): boolean {
    try {
      return typeof this.#agent.ping === 'function';
    } catch {
      // Its pings show what is wrong with it.
      return true;
    }
  }

  /** A sign of life. */
  alive(what: string): void {
    // Whoever is gone must not beat for whom its slot was given to.
    if (this.#gone || this.#beats.again(this.slot, what)) return;
    checkText(what, 'what an agent did');
    this.lastActivity = what;
    // What an attempt failed with the next one tells, though the agent answers meanwhile.
    const settled = this.recovery?.active !== true;
    if (settled) this.#error = null;
    this.missed?.sign();
    this.#beats.beat(this.slot);
    if (settled && this.missed === null) this.#beats.expect(this.slot, what);
  }

  /** Work begins. It is active, but that is no sign of life: who begins the work may be somebody else. */
  begins(what: string): void {
    if (what === this.lastActivity) return;
    checkText(what, 'what an agent did');
    this.lastActivity = what;
    this.#beats.expectNothing(this.slot);
  }

  /** What it, or an attempt to recover it, failed with; until its next sign of life outside of a recovery. */
  get error(): ErrorSummary | null {
    return this.#error;
  }

  failed(error: unknown): void {
    this.#error = summary(error);
    if (!this.#gone) this.#beats.expectNothing(this.slot);
  }

  /** Takes note of the worker it lives in; `ended` is called when that ends. */
  liveIn(worker: Worker | null, ended: () => void): void {
    this.#leaveWorker();
    this.#worker = worker;
    // Nobody else would ever let go of one that has ended.
    if (worker !== null && this.spawn !== null && this.strategy !== 'alert') this.#lastWorker = worker;
    this.#leaveWorker = worker === null ? nothing : onExit(worker, ended);
  }

  /** A new life: what was begun before the work numbered `firstWork` is nobody's any more. */
  renew(ticket: number, firstWork: number): void {
    this.ticket = ticket;
    this.#life?.rest(firstWork);
  }

  /** Listens to the agent. */
  attach(): void {
    const agent = this.#agent;
    if (typeof agent.on !== 'function') return;
    const attached: [string, () => void][] = [];
    let listening = true;
    this.#detach = () => {
      listening = false;
      for (const [event, listener] of attached) letGo(agent, event, listener);
    };
    for (const event of this.#events) {
      // An agent without `off` keeps the listener: then it does nothing any more.
      const listener = (): void => {
        if (listening) this.alive(event);
      };
      hearNothing(agent.on(event, listener));
      attached.push([event, listener]);
      // Its own code may have had it let go, which this listener came too late for.
      if (!listening) {
        letGo(agent, event, listener);
        return;
      }
    }
  }

  /** Stops listening; what is still on its way from this agent no longer counts. */
  release(): void {
    this.#gone = true;
    this.#beats.expectNothing(this.slot);
    this.recovery?.cancel();
    this.#leaveWorker();
    this.#detach();
  }

  /** Puts another agent in the place of this one; where its `on()` throws, it stays this one, which its pings show as gone. */
  adopt(agent: MonitoredAgent): void {
    const before = this.#agent;
    if (agent === before) return;
    const leave = this.#detach;
    this.#detach = nothing;
    this.#agent = agent;
    try {
      this.attach();
    } catch (error) {
      this.#detach();
      if (this.#gone) leave();
      else [this.#agent, this.#detach] = [before, leave];
      throw error;
    }
    leave();
  }

  /** Pings the agent. An answer is a sign of life; a rejection tells nothing where there has been one since the ping went out. */
  ping(rejected: (error: unknown) => void): void {
    const agent = this.#agent;
    const { ticket } = this;
    const before = this.#beats.last(this.slot);
    // What an agent that was replaced or restarted meanwhile has to say tells nothing about the new one.
    const counts = (): boolean => agent === this.#agent && ticket === this.ticket && !this.#gone;
    let answer: Promise<unknown>;
    try {
      if (typeof agent.ping !== 'function') return;
      answer = Promise.resolve(agent.ping());
    } catch (error) {
      answer = Promise.reject(error);
    }
    answer.then(
      () => {
        if (counts()) this.alive('ping');
      },
      (error: unknown) => {
        if (counts() && this.#beats.last(this.slot) === before) rejected(error);
      },
    );
  }
}

/** One for all: there are agents by the hundred thousand. */
function nothing(): void {}

/** One that throws, or rejects, keeps the listener, as one without `off` does. */
function letGo(agent: MonitoredAgent, event: string, listener: () => void): void {
  try {
    hearNothing(agent.off?.(event, listener));
  } catch {
    // It does nothing any more; nobody else must pay for it.
  }
}

/** Of what a call came to that may go over a connection: where that is gone, pings show it. */
function hearNothing(answer: unknown): void {
  if (types.isPromise(answer)) Promise.resolve(answer).catch(nothing);
}

/** How an agent does, by our record and by what the binary sees. */
export function healthOf(watched: Watched, look: { silentMs: number; missed: number } | null): AgentHealth {
  const { state, works } = watched;
  const well = state === 'healthy' || state === 'busy';
  return {
    id: watched.id,
    state,
    since: watched.since,
    silentFor: look?.silentMs ?? 0,
    missedBeats: well ? 0 : Math.max(watched.missedBeats, look?.missed ?? 0),
    reason: well ? null : watched.reason,
    tracked: works,
    error: well ? null : watched.error,
    lastActivity: watched.lastActivity,
    recoveryStrategy: watched.strategy,
    recoveries: watched.recovery?.spent ?? 0,
  };
}

/** An error as plain data, so that it can be logged and sent whatever hangs on it. */
function summary(error: unknown): ErrorSummary {
  try {
    if (typeof error !== 'object' || error === null) return { name: 'Error', message: String(error) };
    const { name, message, code } = error as { name?: unknown; message?: unknown; code?: unknown };
    return {
      name: typeof name === 'string' ? name : 'Error',
      message: typeof message === 'string' ? message : 'no message',
      ...(typeof code === 'string' && { code }),
    };
  } catch {
    return { name: 'Error', message: 'one that cannot be read' };
  }
}
