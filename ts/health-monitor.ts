/** The face of agent health. Time is kept and agents are judged natively; here, agents are called. */
import { EventEmitter } from 'node:events';

import { announce } from './health-monitor/announce.js';
import type { Beats } from './health-monitor/beats.js';
import { Holders } from './health-monitor/held.js';
import { resolveConfig } from './health-monitor/options.js';
import type { Roster } from './health-monitor/roster.js';
import { unknownAgent } from './health-monitor/strategies.js';
import { Tracking, type Work } from './health-monitor/tracking.js';
import type {
  AgentHealth,
  HealthEvents,
  HealthListener,
  HealthMonitorConfig,
  HealthStats,
  MonitoredAgent,
  RegisterOptions,
  TrackOptions,
} from './health-monitor/types.js';
import { Ward } from './health-monitor/ward.js';
import { healthOf } from './health-monitor/watched.js';
import type { Wire } from './health-monitor/wire.js';
import { checkText } from './ids.js';

export type * from './health-monitor/types.js';

const AN_ID = "an agent's id";

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
export class AgentHealthMonitor extends EventEmitter {
  readonly #ward: Ward;
  readonly #agents: Roster;
  readonly #beats: Beats;
  readonly #wire: Wire;
  readonly #tracking: Tracking;

  /**
   * @throws TypeError for an option of the wrong type, `ERR_OPTION_INVALID` for one out of range,
   * `ERR_NATIVE_UNAVAILABLE` without the binary.
   */
  constructor(config?: HealthMonitorConfig) {
    super();
    const resolved = resolveConfig(config);
    this.#ward = new Ward(resolved, {
      tell: (event, ...args) => {
        if (!this.#wire.closed) announce(this, resolved.bus, event, ...args);
      },
      holdOnTo: (agent) => held.add(agent, this),
      letGoOf: (agent) => held.delete(agent, this),
    });
    this.#agents = this.#ward.agents;
    this.#beats = this.#ward.beats;
    this.#wire = this.#ward.wire;
    this.#tracking = new Tracking(this.#agents, this.#wire);
  }

  /**
   * Watches an agent under its `id`, or its `name`. Registering an id again replaces the agent and forgets its past.
   * Gives the id.
   *
   * @throws TypeError for what is no agent, `ERR_ID_INVALID`, `ERR_OPTION_INVALID`, `ERR_CLOSED`.
   */
  registerAgent(agent: MonitoredAgent, options?: RegisterOptions): string {
    this.#wire.checkOpen();
    return this.#ward.admit(agent, options);
  }

  /** Stops watching an agent. `false` where none has this id. */
  unregisterAgent(id: string): boolean {
    this.#wire.checkOpen();
    checkText(id, AN_ID);
    return this.#ward.discharge(id);
  }

  /**
   * A sign of life of an agent that no event shows; costs one store into shared memory.
   * @param what - names it in the agent's health; default `activity`.
   * @throws `ERR_AGENT_UNKNOWN`, `ERR_CLOSED`.
   */
  recordActivity(id: string, what = 'activity'): void {
    this.#wire.checkOpen();
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
  track<T>(id: string, work: Work<T>, options?: TrackOptions): Promise<T> {
    return this.#tracking.track(id, work, options);
  }

  /** How an agent does; null where none has this id. */
  getAgentHealth(id: string): AgentHealth | null {
    this.#wire.checkOpen();
    checkText(id, AN_ID);
    const watched = this.#agents.get(id);
    return watched === undefined ? null : healthOf(watched, this.#wire.look(watched));
  }

  /** How everyone does, by id. */
  getAllAgentHealth(): Map<string, AgentHealth> {
    this.#wire.checkOpen();
    return new Map([...this.#agents].map((watched) => [watched.id, healthOf(watched, this.#wire.look(watched))]));
  }

  /** Counts, by state and since the monitor was opened. */
  getStats(): HealthStats {
    this.#wire.checkOpen();
    return this.#ward.stats();
  }

  /**
   * Goes on after `stop()`. Not needed before: monitoring starts with the first registration. It starts the watch over event
   * loops where there is nobody to register.
   */
  start(): void {
    this.#wire.checkOpen();
    if (this.#ward.start()) started.add(this);
  }

  /**
   * Pings and judges nobody, begins no attempt to recover, and tells nothing, not even what an attempt that runs comes to,
   * until `start()`. The pause is nobody's silence.
   */
  stop(): void {
    this.#wire.checkOpen();
    this.#ward.stop();
    started.delete(this);
  }

  /** Lets go of all agents, for good. What a running attempt to recover comes to is no longer heard. Twice is fine. */
  async close(): Promise<void> {
    if (this.#wire.closed) return;
    this.#ward.close();
    started.delete(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

// Spelt out: the `EventEmitter` of older declarations of Node takes no map of events.
export interface AgentHealthMonitor {
  emit<K extends keyof HealthEvents>(event: K, ...args: HealthEvents[K]): boolean;
  on<K extends keyof HealthEvents>(event: K, listener: HealthListener<K>): this;
  once<K extends keyof HealthEvents>(event: K, listener: HealthListener<K>): this;
  off<K extends keyof HealthEvents>(event: K, listener: HealthListener<K>): this;
  addListener<K extends keyof HealthEvents>(event: K, listener: HealthListener<K>): this;
  removeListener<K extends keyof HealthEvents>(event: K, listener: HealthListener<K>): this;
  prependListener<K extends keyof HealthEvents>(event: K, listener: HealthListener<K>): this;
  prependOnceListener<K extends keyof HealthEvents>(event: K, listener: HealthListener<K>): this;
  removeAllListeners(event?: keyof HealthEvents): this;
  listeners<K extends keyof HealthEvents>(event: K): HealthListener<K>[];
  rawListeners<K extends keyof HealthEvents>(event: K): HealthListener<K>[];
  listenerCount<K extends keyof HealthEvents>(event: K, listener?: HealthListener<K>): number;
  eventNames(): (keyof HealthEvents)[];
}
