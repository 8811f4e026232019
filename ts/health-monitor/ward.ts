/** One monitor behind its face: its agents, who watches them, and what is heard of them. */
import { checkId } from '../ids.js';
import { Alarm } from './alarm.js';
import { Beats } from './beats.js';
import { noteDebugger } from './home.js';
import { Inbox, type Reader } from './inbox.js';
import { Missed, nativeLogOf } from './missed.js';
import { resolveRegistration, type Registration, type ResolvedConfig } from './options.js';
import { Proceedings, type Audience } from './proceedings.js';
import type { Report } from './reports.js';
import { Roster } from './roster.js';
import { idOf, isAble } from './strategies.js';
import { recordFreeze } from './system-log.js';
import type { HealthStats, MonitoredAgent, RegisterOptions } from './types.js';
import { Watched } from './watched.js';
import { Wire } from './wire.js';
import { threadOf } from './workers.js';

/** Takes agents in and lets them go; starts and stops what goes on about them. */
export class Ward {
  readonly agents = new Roster();
  readonly wire: Wire;
  readonly beats: Beats;
  readonly #config: ResolvedConfig;
  readonly #audience: Audience;
  readonly #nativeLog: ReturnType<typeof nativeLogOf>;
  readonly #alarm: Alarm;
  readonly #proceedings: Proceedings;
  readonly #inbox: Inbox;
  readonly #counters = { pings: 0, rejectedPings: 0, loopFreezes: 0 };
  #guarded = false;
  #running = true;
  #failure: string | null = null;

  /** The binary and timers hold nothing of it: whoever is forgotten by everyone else is collected. */
  constructor(config: ResolvedConfig, audience: Audience) {
    const { agents } = this;
    const { log } = config;
    this.#config = config;
    this.#audience = audience;
    this.#nativeLog = log === undefined ? null : nativeLogOf(log);
    const weak = new WeakRef(this);
    this.wire = new Wire(
      config,
      weakly(weak, (ward, report: Report) => ward.#hear(report)),
      weakly(weak, (ward, why: string) => ward.#lost(why)),
    );
    if (this.#nativeLog !== null) this.wire.recordIn(this.#nativeLog);
    this.beats = new Beats(this.wire.handle);
    this.#alarm = new Alarm(
      weakly(weak, (ward, event: 'degraded' | 'restored', failing: string[]) => {
        ward.#audience.tell(event, { failing });
      }),
    );
    this.#proceedings = new Proceedings({ config, agents, wire: this.wire, alarm: this.#alarm, audience });
    this.#inbox = new Inbox(this.#reader());
  }

  /** In a scope of its own: what the binary holds shares the constructor's, and would hold what is held there. */
  #reader(): Reader {
    return {
      loop: (news) => this.#heardOfLoop(news),
      moved: (move) => this.#proceedings.moved(move),
      ping: (slot, ticket) => this.#ping(slot, ticket),
      echo: () => this.wire.echo(),
    };
  }

  /** Takes an agent in, in place of one of the same id. Gives the id. */
  admit(agent: MonitoredAgent, options?: RegisterOptions): string {
    const id = idOf(agent);
    checkId(id, "an agent's id");
    const pingable = isAble(agent, 'ping');
    isAble(agent, 'restart');
    const { strategy, worker, spawn, missed: wanted } = resolveRegistration(options, this.#config);
    this.guardHome();
    const missed = this.#missedOf(wanted);
    const ticket = this.#proceedings.newTicket();
    const slot = this.wire.register(ticket, pingable, threadOf(worker));
    const place = { id, strategy, spawn, missed, slot, ticket };
    const watched = new Watched(agent, place, this.#config.activityEvents, this.beats);
    const before = this.agents.get(id);
    if (before !== undefined) this.agents.delete(before);
    this.agents.add(watched);
    this.#audience.holdOnTo(agent);
    try {
      // The agent's own code runs, which may throw, and call the monitor: then somebody else may have the id, or nobody.
      watched.attach();
      if (this.agents.has(watched)) this.#proceedings.liveIn(watched, worker);
    } catch (error) {
      const wasThere = this.#discharge(watched);
      if (before !== undefined) this.#takeBack(before, wasThere);
      throw error;
    }
    if (before !== undefined) this.#letGo(before);
    this.wire.checkOpen();
    return id;
  }

  /** The one that was to be replaced is watched as before, unless its id was let go of meanwhile, or somebody else has it. */
  #takeBack(before: Watched, isWanted: boolean): void {
    if (!isWanted || this.wire.closed || this.agents.get(before.id) !== undefined) {
      this.#letGo(before);
      return;
    }
    this.agents.add(before);
    // The monitor may have been stopped or started meanwhile.
    if (this.#running) before.recovery?.go();
    else before.recovery?.hold();
  }

  /** Lets an agent go. `false` where none has this id. */
  discharge(id: string): boolean {
    const watched = this.agents.get(id);
    return watched !== undefined && this.#discharge(watched);
  }

  /** By its record: another one may have its id by now. `false` where it was let go before. */
  #discharge(watched: Watched): boolean {
    if (!this.agents.has(watched)) return false;
    this.agents.delete(watched);
    this.#letGo(watched);
    return true;
  }

  #letGo(watched: Watched): void {
    this.#audience.letGoOf(watched.agent);
    this.#alarm.ends(watched.id);
    watched.release();
    // Its own code may have closed the monitor.
    if (!this.wire.closed) this.wire.unregister(watched);
  }

  /** `false`: whoever heard what had been held back has stopped it again, or closed it. */
  start(): boolean {
    this.guardHome();
    this.wire.start();
    this.#running = true;
    if (!this.#proceedings.go()) return false;
    this.#alarm.go();
    this.#inbox.go();
    return this.#running && !this.wire.closed;
  }

  stop(): void {
    this.wire.stop();
    this.#running = false;
    this.#proceedings.hold();
    this.#alarm.hold();
    this.#inbox.hold();
  }

  close(): void {
    // First: whoever is registered by the code of those who are let go would stay.
    this.wire.close();
    for (const watched of [...this.agents]) this.#discharge(watched);
    this.#alarm.hold();
    this.#inbox.close();
  }

  /** Has the loop of this thread watched, from the first agent on. */
  guardHome(): void {
    const { loopThreshold } = this.#config;
    if (this.#guarded || loopThreshold === false) return;
    this.#guarded = true;
    noteDebugger();
    this.wire.guard(loopThreshold);
  }

  stats(): HealthStats {
    const count = { healthy: 0, busy: 0, suspect: 0, disconnected: 0, recovering: 0, failed: 0 };
    let tracked = 0;
    for (const { state, works } of this.agents) {
      count[state] += 1;
      tracked += works;
    }
    return {
      running: this.#running,
      totalAgents: this.agents.size,
      healthyAgents: count.healthy,
      busyAgents: count.busy,
      suspectAgents: count.suspect,
      disconnectedAgents: count.disconnected,
      recoveringAgents: count.recovering,
      failedAgents: count.failed,
      ...this.#counters,
      ...this.#proceedings.counters,
      tracked,
      degraded: this.#alarm.degraded,
    };
  }

  #hear(report: Report): void {
    if (this.wire.closed) return;
    if (report.lost) this.#lost('the watching thread panicked');
    this.#inbox.take(report);
    // Where nothing else is reported, that is what is asked for. Only now: what it throws must not cost anybody a report.
    if (this.#guarded) noteDebugger();
  }

  #heardOfLoop({ frozen, info }: Report['loops'][number]): void {
    const { log } = this.#config;
    if (frozen) this.#counters.loopFreezes += 1;
    // One of ours has it already, since before the loop thawed.
    if (frozen && log !== undefined && this.#nativeLog === null) recordFreeze(log, info);
    this.#audience.tell(frozen ? 'loop:frozen' : 'loop:thawed', info);
  }

  #ping(slot: number, ticket: number): void {
    const watched = this.agents.living(slot, ticket);
    if (watched === undefined) return;
    this.#counters.pings += 1;
    watched.ping((error) => {
      this.#counters.rejectedPings += 1;
      watched.failed(error);
      this.wire.reject(watched);
    });
  }

  #missedOf(wanted: Registration['missed']): Missed | null {
    const { log } = this.#config;
    if (wanted === null || log === undefined) return null;
    return new Missed(log, this.#nativeLog, wanted.sessions, wanted.onMissed);
  }

  #lost(why: string): void {
    if (this.#failure !== null) return;
    this.#failure = why;
    this.#proceedings.alert('monitor-lost', `nobody is watched any more, open the monitor anew: ${why}`, null);
  }
}

/** What the binary and timers may hold without keeping what everyone else has forgotten. */
function weakly<A extends unknown[]>(
  weak: WeakRef<Ward>,
  work: (ward: Ward, ...args: A) => void,
): (...args: A) => void {
  return (...args) => {
    const ward = weak.deref();
    if (ward !== undefined) work(ward, ...args);
  };
}
