/** The face of agent health. Time is kept and agents are judged natively; here, agents are called. */
import { EventEmitter } from 'node:events';
import type { Worker } from 'node:worker_threads';

import { HealthError } from './errors.js';
import { Alarm } from './health-monitor/alarm.js';
import { announce, EVENT_OF } from './health-monitor/announce.js';
import { Beats } from './health-monitor/beats.js';
import { bounded } from './health-monitor/bounded.js';
import { Holders } from './health-monitor/held.js';
import { noteDebugger } from './health-monitor/home.js';
import type { Cause } from './health-monitor/life.js';
import { Missed, nativeLogOf } from './health-monitor/missed.js';
import {
  resolveConfig,
  resolveRegistration,
  resolveTrack,
  type Registration,
  type ResolvedConfig,
} from './health-monitor/options.js';
import { Recovery } from './health-monitor/recovery.js';
import { Inbox } from './health-monitor/inbox.js';
import type { Report } from './health-monitor/reports.js';
import { Roster } from './health-monitor/roster.js';
import { idOf, recoverer, unknownAgent } from './health-monitor/strategies.js';
import { recordFreeze } from './health-monitor/system-log.js';
import type {
  AgentHealth,
  HealthAlert,
  HealthEvents,
  HealthMonitorConfig,
  HealthReason,
  HealthStats,
  LoopNews,
  MonitoredAgent,
  RegisterOptions,
  TrackOptions,
} from './health-monitor/types.js';
import { healthOf, Watched } from './health-monitor/watched.js';
import { Wire } from './health-monitor/wire.js';
import { threadOf } from './health-monitor/workers.js';
import { named } from './holders.js';
import { checkId, checkText } from './ids.js';

const AN_ID = "an agent's id";

export type * from './health-monitor/types.js';

/** A monitor lives as long as somebody holds it, or an agent that it watches. */
const held = new Holders<MonitoredAgent, AgentHealthMonitor>();
/** Or as long as it was told to start, and not to stop. */
const started = new Set<AgentHealthMonitor>();

/**
 * Notices agents that died or hang, and brings them back; an idle, healthy agent is never accused.
 *
 * Agents that were active within the last interval are left alone; the others are pinged. One that does not answer is
 * `disconnected` within `max(2, maxMissedBeats) × heartbeatInterval + 250` ms of its last sign of life. One with tracked
 * work in flight is judged by the deadline of that. Time is kept by a native thread, and stands still while this event
 * loop does: a freeze accuses nobody, but is told, while it lasts, to the monitors of other threads and to the log.
 *
 * A monitor never keeps the process alive. After `close()` every other method throws `ERR_CLOSED`.
 */
export class AgentHealthMonitor extends EventEmitter<HealthEvents> {
  readonly #config: ResolvedConfig;
  readonly #wire: Wire;
  readonly #alarm: Alarm;
  readonly #beats: Beats;
  readonly #inbox: Inbox;
  readonly #agents = new Roster();
  readonly #counters = { pings: 0, rejectedPings: 0, recoveryAttempts: 0, successfulRecoveries: 0, loopFreezes: 0 };
  readonly #nativeLog: ReturnType<typeof nativeLogOf>;
  #nextTicket = 1;
  #nextWork = 1;
  #guarded = false;
  #running = true;
  #closed = false;
  #failure: string | null = null;

  /**
   * @throws TypeError for an option of the wrong type, `ERR_OPTION_INVALID` for one out of range,
   * `ERR_NATIVE_UNAVAILABLE` without the binary.
   */
  constructor(config?: HealthMonitorConfig) {
    super();
    this.#config = resolveConfig(config);
    const { log } = this.#config;
    this.#nativeLog = log === undefined ? null : nativeLogOf(log);
    const weak = new WeakRef(this);
    this.#wire = new Wire(
      this.#config,
      weakly(weak, (monitor, report: Report) => monitor.#hear(report)),
      weakly(weak, (monitor, why: string) => monitor.#lost(why)),
    );
    this.#alarm = new Alarm(
      weakly(weak, (monitor, event: 'degraded' | 'restored', failing: string[]) => {
        if (!monitor.#closed) announce(monitor, monitor.#config.bus, event, { failing });
      }),
    );
    if (this.#nativeLog !== null) this.#wire.recordIn(this.#nativeLog);
    this.#beats = new Beats(this.#wire.handle);
    this.#inbox = new Inbox({
      loop: ({ frozen, info }) => this.#heardOfLoop(frozen, info),
      moved: ([slot, ticket, standing, missed, reason]) => {
        const watched = this.#agents.living(slot, ticket);
        if (watched !== undefined) this.#moved(watched, standing, missed, reason);
      },
      ping: (slot, ticket) => {
        const watched = this.#agents.living(slot, ticket);
        if (watched === undefined) return;
        this.#counters.pings += 1;
        watched.ping((error) => this.#rejected(watched, error));
      },
    });
  }

  /**
   * Watches an agent under its `id`, or its `name`. Registering an id again replaces the agent and forgets its past.
   * Gives the id.
   *
   * @throws TypeError for what is no agent, `ERR_ID_INVALID`, `ERR_OPTION_INVALID`, `ERR_CLOSED`.
   */
  registerAgent(agent: MonitoredAgent, options?: RegisterOptions): string {
    this.#checkOpen();
    const id = idOf(agent);
    checkId(id, AN_ID);
    const { strategy, worker, spawn, missed: wanted } = resolveRegistration(options, this.#config);
    this.#remove(id);
    this.#guardHome();
    const missed = this.#missedOf(wanted);
    const ticket = this.#nextTicket++;
    const pingable = typeof agent.ping === 'function';
    const slot = this.#wire.register(ticket, pingable, threadOf(worker));
    const place = { id, strategy, spawn, missed, slot, ticket };
    const watched = new Watched(agent, place, this.#config.activityEvents, this.#beats);
    this.#agents.add(watched);
    try {
      watched.attach();
      this.#liveIn(watched, worker);
    } catch (error) {
      this.#remove(id);
      throw error;
    }
    held.add(agent, this);
    return id;
  }

  /** Stops watching an agent. `false` where none has this id. */
  unregisterAgent(id: string): boolean {
    this.#checkOpen();
    checkText(id, AN_ID);
    return this.#remove(id);
  }

  /**
   * A sign of life of an agent that no event shows; costs one store into shared memory.
   * @param what - names it in the agent's health; default `activity`.
   * @throws `ERR_AGENT_UNKNOWN`, `ERR_CLOSED`.
   */
  recordActivity(id: string, what = 'activity'): void {
    this.#checkOpen();
    const slot = this.#agents.slotOf(id);
    if (slot === undefined) throw unknownAgent(id);
    if (!this.#beats.again(slot, what)) this.#agents.at(slot)?.alive(what);
  }

  /**
   * Marks work in flight, such as a call of a language model: meanwhile the agent is `busy`, and neither pinged nor judged
   * by its silence. Past its deadline it is `suspect` (`overdue`), an interval later `disconnected`. Gives what the work
   * gives; a function is called at once, and named as what holds the loop while it runs synchronously.
   *
   * Rejects with what the work rejects with, `ERR_AGENT_UNKNOWN`, `ERR_OPTION_INVALID`, `ERR_CLOSED`.
   */
  async track<T>(id: string, work: PromiseLike<T> | (() => T | PromiseLike<T>), options?: TrackOptions): Promise<T> {
    const { kind, ended } = this.#taken(id, work, options);
    try {
      return await (typeof work === 'function' ? named({ agentId: id, listeners: [kind] }, () => work()) : work);
    } finally {
      ended();
    }
  }

  /** How an agent does; null where none has this id. */
  getAgentHealth(id: string): AgentHealth | null {
    this.#checkOpen();
    checkText(id, AN_ID);
    const watched = this.#agents.get(id);
    return watched === undefined ? null : healthOf(watched, this.#wire.look(watched));
  }

  /** How everyone does, by id. */
  getAllAgentHealth(): Map<string, AgentHealth> {
    this.#checkOpen();
    return new Map([...this.#agents].map((watched) => [watched.id, healthOf(watched, this.#wire.look(watched))]));
  }

  /** Counts, by state and since the monitor was opened. */
  getStats(): HealthStats {
    this.#checkOpen();
    const count = { healthy: 0, busy: 0, suspect: 0, disconnected: 0, recovering: 0, failed: 0 };
    let tracked = 0;
    for (const { state, works } of this.#agents) {
      count[state] += 1;
      tracked += works;
    }
    return {
      running: this.#running,
      totalAgents: this.#agents.size,
      healthyAgents: count.healthy,
      busyAgents: count.busy,
      suspectAgents: count.suspect,
      disconnectedAgents: count.disconnected,
      recoveringAgents: count.recovering,
      failedAgents: count.failed,
      ...this.#counters,
      tracked,
      degraded: this.#alarm.degraded,
    };
  }

  /**
   * Goes on after `stop()`. Not needed before: monitoring starts with the first registration. It starts the watch over event
   * loops where there is nobody to register.
   */
  start(): void {
    this.#checkOpen();
    this.#guardHome();
    this.#wire.start();
    started.add(this);
    this.#running = true;
    for (const watched of this.#agents) watched.recovery?.go();
    this.#alarm.go();
    this.#inbox.go();
  }

  /**
   * Pings and judges nobody, begins no attempt to recover, and tells nothing, not even what an attempt that runs comes to,
   * until `start()`. The pause is nobody's silence.
   */
  stop(): void {
    this.#checkOpen();
    this.#wire.stop();
    started.delete(this);
    this.#running = false;
    for (const watched of this.#agents) watched.recovery?.hold();
    this.#alarm.hold();
    this.#inbox.hold();
  }

  /** Lets go of all agents, for good. What a running attempt to recover comes to is no longer heard. Twice is fine. */
  async close(): Promise<void> {
    if (!this.#closed) {
      for (const { id } of [...this.#agents]) this.#remove(id);
      this.#closed = true;
      started.delete(this);
      this.#alarm.hold();
      this.#inbox.close();
      this.#wire.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #hear(report: Report): void {
    if (this.#closed) return;
    if (report.echo) this.#wire.echo();
    if (report.lost) this.#lost('the watching thread panicked');
    this.#inbox.take(report);
    // Only now: what it throws must not cost anybody a report.
    if (this.#guarded) noteDebugger();
  }

  #heardOfLoop(frozen: boolean, info: LoopNews): void {
    const { log } = this.#config;
    if (frozen) this.#counters.loopFreezes += 1;
    // One of ours has it already, since before the loop thawed.
    if (frozen && log !== undefined && this.#nativeLog === null) recordFreeze(log, info);
    announce(this, this.#config.bus, frozen ? 'loop:frozen' : 'loop:thawed', info);
  }

  #moved(watched: Watched, standing: Report['moved'][number][2], missed: number, reason: HealthReason | null): void {
    watched.missedBeats = missed;
    if (standing === 'healthy') {
      if (watched.recovery?.signOfLife() === false) return;
      this.#enter(watched, 'alive');
    } else if (watched.recovery?.active === true) {
      if (standing === 'disconnected') watched.recovery.silentAgain();
    } else {
      watched.reason = reason;
      const gone = standing === 'disconnected';
      if (gone) watched.missed?.begin();
      if (this.#enter(watched, gone ? 'gone' : 'missed') && gone) this.#disconnected(watched);
    }
  }

  /** Takes work on, or refuses it. */
  #taken(id: string, work: unknown, options?: TrackOptions): { kind: string; ended: () => void } {
    try {
      this.#checkOpen();
      const watched = this.#agents.get(id);
      if (watched === undefined) throw unknownAgent(id);
      const { deadline, kind } = resolveTrack(work, options);
      return { kind, ended: this.#begin(watched, kind, deadline) };
    } catch (error) {
      // Whoever handed it in has this error to handle: that the work fails as well must not end the process.
      void Promise.resolve(work).catch(() => undefined);
      throw error;
    }
  }

  /** Work begins; to be called when it has ended. */
  #begin(watched: Watched, kind: string, deadline: number): () => void {
    const { ticket, life } = watched;
    const work = this.#nextWork++;
    watched.alive(kind);
    this.#wire.begin(watched, work, deadline);
    life.begin();
    return () => {
      // What was begun in an earlier life tells nothing about this one.
      if (this.#closed || watched.ticket !== ticket || !this.#agents.has(watched)) return;
      life.end();
      watched.alive(kind);
      this.#wire.settle(watched, work);
    };
  }

  #liveIn(watched: Watched, worker: Worker | null): void {
    const ended = (): void => {
      if (!this.#closed) this.#wire.exit(watched);
    };
    watched.liveIn(worker, ended);
    if (worker !== null && threadOf(worker) === null) ended();
  }

  #rejected(watched: Watched, error: unknown): void {
    this.#counters.rejectedPings += 1;
    watched.failed(error);
    if (!this.#closed) this.#wire.reject(watched);
  }

  #disconnected(watched: Watched): void {
    // A listener may have taken it out.
    if (!this.#agents.has(watched)) return;
    if (recoverer(watched, this.#config) === null) {
      const why = watched.strategy === 'alert' ? '' : ' and there is no restart() to call';
      this.#alert('agent-disconnected', `the agent is disconnected${why}`, watched);
      return;
    }
    watched.recovery ??= this.#recoveryOf(watched);
    if (!this.#running) watched.recovery.hold();
    watched.recovery.begin();
  }

  #recoveryOf(watched: Watched): Recovery {
    return new Recovery(this.#config, {
      attempting: () => {
        this.#counters.recoveryAttempts += 1;
        this.#enter(watched, 'attempt');
      },
      attempt: async () => {
        const born = (worker: Worker): void => {
          if (this.#agents.has(watched)) this.#liveIn(watched, worker);
        };
        const next = await recoverer(watched, this.#config, born)?.();
        if (next !== undefined && this.#agents.has(watched)) {
          held.delete(watched.agent, this);
          watched.adopt(next);
          held.add(next, this);
        }
      },
      catchUp: async () => {
        const { recoveryTimeout } = this.#config;
        await watched.missed?.catchUp((take) => bounded(take, recoveryTimeout, 'onMissed()'));
      },
      attemptFailed: (error) => {
        watched.failed(error);
      },
      recovered: () => {
        this.#counters.successfulRecoveries += 1;
        this.#renew(watched);
        this.#enter(watched, 'recovered');
      },
      gaveUp: (answers) => {
        this.#enter(watched, 'gave up');
        this.#alert('recovery-failed', `gave up after ${this.#config.maxRecoveries} attempts`, watched);
        // What it missed it has not taken, but it lives.
        if (answers && this.#agents.has(watched)) this.#enter(watched, 'alive');
      },
    });
  }

  /** A new life: reports that are still under way about the old one no longer find it. */
  #renew(watched: Watched): void {
    const { worker } = watched;
    const next = this.#nextTicket++;
    this.#wire.reset(watched, next);
    watched.renew(next);
    // It may have ended while the agent was catching up.
    if (worker !== null && threadOf(worker) === null) this.#liveIn(watched, worker);
  }

  /** Takes note of what happened to an agent, and announces where that leads. `false`: nowhere. */
  #enter(watched: Watched, cause: Cause): boolean {
    const previous = watched.life.take(cause);
    if (previous === null) return false;
    const { state } = watched.life;
    // Before anybody hears of it: a listener may take the agent out, and nobody would ever say that it no longer fails.
    const tooMany = cause === 'gone' && this.#alarm.fails(watched.id);
    watched.moved();
    if (state === 'healthy' || state === 'busy') {
      watched.missedBeats = 0;
      watched.reason = null;
      watched.missed?.end();
      this.#alarm.ends(watched.id);
    }
    announce(this, this.#config.bus, EVENT_OF[state], {
      ...healthOf(watched, this.#wire.lookQuietly(watched)),
      previous,
    });
    if (tooMany) this.#alarm.tellDegraded();
    // A listener may have brought about more.
    return watched.life.state === state;
  }

  /** Has the loop of this thread watched, from the first agent on. */
  #guardHome(): void {
    const { loopThreshold } = this.#config;
    if (this.#guarded || loopThreshold === false) return;
    this.#guarded = true;
    noteDebugger();
    this.#wire.guard(loopThreshold);
  }

  #missedOf(wanted: Registration['missed']): Missed | null {
    const { log } = this.#config;
    if (wanted === null || log === undefined) return null;
    return new Missed(log, this.#nativeLog, wanted.sessions, wanted.onMissed);
  }

  #alert(kind: HealthAlert['kind'], message: string, watched: Watched | null): void {
    const agent = watched === null ? null : healthOf(watched, this.#wire.lookQuietly(watched));
    announce(this, this.#config.bus, 'alert', { kind, message, agent });
  }

  #remove(id: string): boolean {
    const watched = this.#agents.get(id);
    if (watched === undefined) return false;
    this.#agents.delete(watched);
    held.delete(watched.agent, this);
    watched.release();
    this.#alarm.ends(id);
    this.#wire.unregister(watched);
    return true;
  }

  #checkOpen(): void {
    if (this.#closed) throw new HealthError('ERR_CLOSED', 'the health monitor is closed');
  }

  #lost(why: string): void {
    if (this.#failure !== null) return;
    this.#failure = why;
    this.#alert('monitor-lost', `nobody is watched any more, open the monitor anew: ${why}`, null);
  }
}

/** What the binary and timers may hold without keeping a monitor that everyone else has forgotten. */
function weakly<A extends unknown[]>(
  weak: WeakRef<AgentHealthMonitor>,
  work: (monitor: AgentHealthMonitor, ...args: A) => void,
): (...args: A) => void {
  return (...args) => {
    const monitor = weak.deref();
    if (monitor !== undefined) work(monitor, ...args);
  };
}
