/** The face of agent health. Time is kept and agents are judged natively; here, agents are called. */
import { EventEmitter } from 'node:events';

import { HealthError } from './errors.js';
import { announce, EVENT_OF } from './health-monitor/announce.js';
import { Beats } from './health-monitor/beats.js';
import { resolveConfig, resolveStrategy, type ResolvedConfig } from './health-monitor/options.js';
import { Recovery } from './health-monitor/recovery.js';
import { inPieces, type Report } from './health-monitor/reports.js';
import { idOf, recoverer, unknownAgent } from './health-monitor/strategies.js';
import type {
  AgentHealth,
  AgentState,
  HealthAlert,
  HealthEvents,
  HealthMonitorConfig,
  HealthStats,
  MonitoredAgent,
  RegisterOptions,
} from './health-monitor/types.js';
import { summary, Watched } from './health-monitor/watched.js';
import { checkId } from './ids.js';
import { crossing, type Native } from './native.js';

export type * from './health-monitor/types.js';

/** A monitor lives as long as somebody holds it, or an agent that it watches. */
const held = new WeakMap<MonitoredAgent, Set<AgentHealthMonitor>>();

/**
 * Notices agents that died or hang, and brings them back; an idle, healthy agent is never accused.
 *
 * Agents that were active within the last interval are left alone; the others are pinged. One that does not answer is
 * `disconnected` within `max(2, maxMissedBeats) × heartbeatInterval + 250` ms of its last sign of life. Time is kept by
 * a native thread, and stands still while this event loop does: a freeze accuses nobody.
 *
 * A monitor never keeps the process alive. After `close()` every other method throws `ERR_CLOSED`.
 */
export class AgentHealthMonitor extends EventEmitter<HealthEvents> {
  readonly #config: ResolvedConfig;
  readonly #handle: ReturnType<Native['healthOpen']>;
  readonly #beats: Beats;
  readonly #agents = new Map<string, Watched>();
  readonly #tickets = new Map<number, Watched>();
  readonly #counters = { pings: 0, rejectedPings: 0, recoveryAttempts: 0, successfulRecoveries: 0 };
  #nextTicket = 1;
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
    const { heartbeatInterval, activityTimeout, maxMissedBeats } = this.#config;
    // Weak, so that the binary's hold on the callback does not keep a forgotten monitor.
    const weak = new WeakRef(this);
    const settle = (batch: unknown[]): void => {
      for (let at = 2; at < batch.length; at += 3) {
        const monitor = weak.deref();
        if (monitor !== undefined) monitor.#hear(JSON.parse(batch[at] as string) as Report);
      }
    };
    this.#handle = crossing(HealthError, (binary) =>
      binary.healthOpen(settle, 0, heartbeatInterval, activityTimeout, maxMissedBeats),
    );
    this.#beats = new Beats(this.#handle);
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
    checkId(id, "an agent's id");
    const strategy = resolveStrategy(options, this.#config);
    this.#remove(id);
    const ticket = this.#nextTicket++;
    const pingable = typeof agent.ping === 'function';
    const slot = this.#cross((binary) => binary.healthRegister(this.#handle, ticket, pingable));
    const place = { id, strategy, slot, ticket };
    const watched = new Watched(agent, place, this.#config.activityEvents, this.#beats.of(slot));
    this.#agents.set(id, watched);
    this.#tickets.set(ticket, watched);
    try {
      watched.attach();
    } catch (error) {
      this.#remove(id);
      throw error;
    }
    this.#hold(agent);
    return id;
  }

  /** Stops watching an agent. `false` where none has this id. */
  unregisterAgent(id: string): boolean {
    this.#checkOpen();
    return this.#remove(id);
  }

  /**
   * A sign of life of an agent that no event shows; costs one store into shared memory.
   * @param what - names it in the agent's health; default `activity`.
   * @throws `ERR_AGENT_UNKNOWN`, `ERR_CLOSED`.
   */
  recordActivity(id: string, what = 'activity'): void {
    this.#checkOpen();
    const watched = this.#agents.get(id);
    if (watched === undefined) throw unknownAgent(id);
    watched.alive(what);
  }

  /** How an agent does; null where none has this id. */
  getAgentHealth(id: string): AgentHealth | null {
    this.#checkOpen();
    const watched = this.#agents.get(id);
    return watched === undefined ? null : this.#healthOf(watched, this.#cross);
  }

  /** How everyone does, by id. */
  getAllAgentHealth(): Map<string, AgentHealth> {
    this.#checkOpen();
    return new Map([...this.#agents].map(([id, watched]) => [id, this.#healthOf(watched, this.#cross)]));
  }

  /** Counts, by state and since the monitor was opened. */
  getStats(): HealthStats {
    this.#checkOpen();
    const count = { healthy: 0, suspect: 0, disconnected: 0, recovering: 0, failed: 0 };
    for (const { state } of this.#agents.values()) count[state] += 1;
    return {
      running: this.#running,
      totalAgents: this.#agents.size,
      healthyAgents: count.healthy,
      suspectAgents: count.suspect,
      disconnectedAgents: count.disconnected,
      recoveringAgents: count.recovering,
      failedAgents: count.failed,
      ...this.#counters,
    };
  }

  /** Goes on after `stop()`. Not needed before: monitoring starts with the first registration. */
  start(): void {
    this.#checkOpen();
    this.#cross((binary) => binary.healthStart(this.#handle));
    this.#running = true;
    for (const watched of this.#agents.values()) watched.recovery?.go();
  }

  /** Pings and judges nobody, and begins no attempt to recover, until `start()`. The pause is nobody's silence. */
  stop(): void {
    this.#checkOpen();
    this.#cross((binary) => binary.healthStop(this.#handle));
    this.#running = false;
    for (const watched of this.#agents.values()) watched.recovery?.hold();
  }

  /** Lets go of all agents, for good. What a running attempt to recover comes to is no longer heard. Twice is fine. */
  async close(): Promise<void> {
    if (!this.#closed) {
      for (const id of [...this.#agents.keys()]) this.#remove(id);
      this.#closed = true;
      this.#cross((binary) => binary.healthClose(this.#handle));
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #hear(report: Report): void {
    if (this.#closed) return;
    if (report.echo) this.#crossQuietly((binary) => binary.healthEcho(this.#handle));
    if (report.lost) this.#lost('the watching thread panicked');
    for (const [ticket, standing, missed] of report.moved) {
      const watched = this.#tickets.get(ticket);
      if (watched !== undefined) this.#moved(watched, standing, missed);
    }
    inPieces(report.ping, (ticket) => {
      const watched = this.#tickets.get(ticket);
      if (watched === undefined) return;
      this.#counters.pings += 1;
      watched.ping((error) => this.#rejected(watched, error));
    });
  }

  #moved(watched: Watched, standing: Report['moved'][number][1], missed: number): void {
    watched.missed = missed;
    if (standing === 'healthy') {
      if (watched.recovery?.signOfLife() === false) return;
      this.#enter(watched, 'healthy');
    } else if (watched.recovery?.active === true) {
      if (standing === 'disconnected') watched.recovery.silentAgain();
    } else {
      this.#enter(watched, standing);
      if (standing === 'disconnected' && watched.state === standing) this.#disconnected(watched);
    }
  }

  #rejected(watched: Watched, error: unknown): void {
    this.#counters.rejectedPings += 1;
    watched.error = summary(error);
    watched.rejected = true;
    if (!this.#closed) this.#crossQuietly((binary) => binary.healthReject(this.#handle, watched.slot, watched.ticket));
  }

  #disconnected(watched: Watched): void {
    // A listener may have taken it out.
    if (this.#agents.get(watched.id) !== watched) return;
    if (recoverer(watched.agent, watched.strategy, this.#config) === null) {
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
        this.#enter(watched, 'recovering');
      },
      attempt: async () => {
        const next = await recoverer(watched.agent, watched.strategy, this.#config)?.();
        if (next !== undefined && this.#agents.get(watched.id) === watched) {
          held.get(watched.agent)?.delete(this);
          watched.adopt(next);
          this.#hold(next);
        }
      },
      attemptFailed: (error) => {
        watched.error = summary(error);
      },
      recovered: () => {
        this.#counters.successfulRecoveries += 1;
        this.#renew(watched);
        this.#enter(watched, 'healthy');
      },
      gaveUp: () => {
        this.#enter(watched, 'failed');
        this.#alert('recovery-failed', `gave up after ${this.#config.maxRecoveries} attempts`, watched);
      },
    });
  }

  /** A new life: reports that are still under way about the old one no longer find it. */
  #renew(watched: Watched): void {
    const { slot, ticket, pingable } = watched;
    const next = this.#nextTicket++;
    this.#crossQuietly((binary) => binary.healthReset(this.#handle, slot, ticket, next, pingable));
    this.#tickets.delete(ticket);
    this.#tickets.set(next, watched);
    watched.ticket = next;
  }

  #enter(watched: Watched, state: AgentState): void {
    const previous = watched.state;
    watched.state = state;
    watched.since = Date.now();
    if (state === 'healthy') watched.missed = 0;
    announce(this, this.#config.bus, EVENT_OF[state], { ...this.#healthOf(watched), previous });
  }

  #alert(kind: HealthAlert['kind'], message: string, watched: Watched | null): void {
    const agent = watched === null ? null : this.#healthOf(watched);
    announce(this, this.#config.bus, 'alert', { kind, message, agent });
  }

  #healthOf(
    watched: Watched,
    cross: <T>(call: (binary: Native) => T) => T | null = (call) => this.#crossQuietly(call),
  ): AgentHealth {
    const look = cross((binary) => binary.healthLook(this.#handle, watched.slot, watched.ticket));
    return {
      id: watched.id,
      state: watched.state,
      since: watched.since,
      silentFor: look?.silentMs ?? 0,
      missedBeats: watched.state === 'healthy' ? 0 : Math.max(watched.missed, look?.missed ?? 0),
      reason: watched.state === 'healthy' ? null : watched.rejected ? 'rejected' : 'silent',
      error: watched.state === 'healthy' ? null : watched.error,
      lastActivity: watched.lastActivity,
      recoveryStrategy: watched.strategy,
      recoveries: watched.recovery?.recent ?? 0,
    };
  }

  #hold(agent: MonitoredAgent): void {
    const monitors = held.get(agent);
    if (monitors === undefined) held.set(agent, new Set([this]));
    else monitors.add(this);
  }

  #remove(id: string): boolean {
    const watched = this.#agents.get(id);
    if (watched === undefined) return false;
    this.#agents.delete(id);
    this.#tickets.delete(watched.ticket);
    held.get(watched.agent)?.delete(this);
    watched.release();
    this.#cross((binary) => binary.healthUnregister(this.#handle, watched.slot, watched.ticket));
    return true;
  }

  #checkOpen(): void {
    if (this.#closed) throw new HealthError('ERR_CLOSED', 'the health monitor is closed');
  }

  #cross<T>(call: (binary: Native) => T): T {
    return crossing(HealthError, call);
  }

  /** For calls that no user waits for: what they throw would end the process. */
  #crossQuietly<T>(call: (binary: Native) => T): T | null {
    try {
      return this.#cross(call);
    } catch (error) {
      this.#lost((error as Error).message);
      return null;
    }
  }

  #lost(why: string): void {
    if (this.#failure !== null) return;
    this.#failure = why;
    this.#alert('monitor-lost', `nobody is watched any more, open the monitor anew: ${why}`, null);
  }
}
