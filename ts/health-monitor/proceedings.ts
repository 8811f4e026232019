/** What becomes of the agents of a monitor: each transition is told once, and who is gone is brought back. */
import type { Worker } from 'node:worker_threads';

import type { Alarm } from './alarm.js';
import { EVENT_OF } from './announce.js';
import { bounded } from './bounded.js';
import type { Cause } from './life.js';
import type { ResolvedConfig } from './options.js';
import { Recovery } from './recovery.js';
import type { Report } from './reports.js';
import type { Roster } from './roster.js';
import { recoverer } from './strategies.js';
import { Telling } from './telling.js';
import type { HealthAlert, HealthEvents, MonitoredAgent } from './types.js';
import { healthOf, type Watched } from './watched.js';
import type { Wire } from './wire.js';
import { threadOf } from './workers.js';

/** Whom everything is told to, and who has to live as long as the agents. */
export interface Audience {
  tell<K extends keyof HealthEvents>(event: K, ...args: HealthEvents[K]): void;
  holdOnTo(agent: MonitoredAgent): void;
  letGoOf(agent: MonitoredAgent): void;
}

/** What the proceedings are about. */
export interface Matter {
  readonly config: ResolvedConfig;
  readonly agents: Roster;
  readonly wire: Wire;
  readonly alarm: Alarm;
  readonly audience: Audience;
}

/** Goes by what the watching thread reports of agents, and by what comes of calling them. */
export class Proceedings {
  readonly counters = { recoveryAttempts: 0, successfulRecoveries: 0 };
  readonly #matter: Matter;
  readonly #telling: Telling;
  #nextTicket = 1;

  constructor(matter: Matter) {
    this.#matter = matter;
    this.#telling = new Telling(matter.agents);
  }

  /** Names one life of one agent. */
  newTicket(): number {
    return this.#nextTicket++;
  }

  /** Begins no attempt to recover anybody, and tells of none, until `go()`. */
  hold(): void {
    this.#telling.hold();
    for (const watched of this.#matter.agents) watched.recovery?.hold();
  }

  /** Tells what was held back, and goes on. `false`: whoever was told holds it again. */
  go(): boolean {
    const goes = this.#telling.go();
    if (goes) for (const watched of this.#matter.agents) watched.recovery?.go();
    return goes;
  }

  /** The watching thread sees an agent otherwise than before. */
  moved([slot, ticket, standing, missed, reason]: Report['moved'][number]): void {
    const watched = this.#matter.agents.living(slot, ticket);
    if (watched === undefined) return;
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

  /** Takes note of the worker in which an agent lives, and of its end, even where that has come. */
  liveIn(watched: Watched, worker: Worker | null): void {
    const ended = (): void => this.#workerEnded(watched);
    watched.liveIn(worker, ended);
    if (worker !== null && threadOf(worker) === null) ended();
  }

  /**
   * An agent that nobody is going to start in another worker may live elsewhere: it is not tied to this one any more, and a sign
   * of life that comes later makes it healthy.
   */
  #workerEnded(watched: Watched): void {
    const { spawn, strategy, state, recovery, pingable, life } = watched;
    const { wire } = this.#matter;
    const active = recovery?.active === true;
    // What that comes to shows whether this was the place where it has been brought.
    if (spawn === null && recovery?.catchingUp === true) return;
    if (spawn !== null && strategy !== 'alert' && (active || state !== 'failed')) {
      wire.exit(watched);
    } else if (spawn === null && recovery?.attempted === true && (active || pingable)) {
      // An attempt may have brought it elsewhere before this worker had ended; that, or its pings, will show it. With work in
      // flight it would not be pinged, and that may have ended with the worker.
      this.#relocate(watched, null, active ? 1 : life.nextWork);
    } else {
      wire.exit(watched);
      // The work that ended with the worker shows nothing.
      this.#relocate(watched, null, life.nextWork);
    }
  }

  /** Somebody has to act. */
  alert(kind: HealthAlert['kind'], message: string, watched: Watched | null): void {
    const { audience, wire } = this.#matter;
    const agent = watched === null ? null : healthOf(watched, wire.lookQuietly(watched));
    const tell = (): void => audience.tell('alert', { kind, message, agent });
    // What concerns nobody in particular is the end of everything: nobody will go on after it.
    if (watched === null) tell();
    else this.#telling.about(watched, tell);
  }

  #disconnected(watched: Watched): void {
    // A listener may have taken it out.
    if (!this.#matter.agents.has(watched)) return;
    const why = this.#whyNobodyRecovers(watched);
    if (why !== null) {
      this.alert('agent-disconnected', `the agent is disconnected${why}`, watched);
      return;
    }
    watched.recovery ??= this.#recoveryOf(watched);
    if (this.#telling.held) watched.recovery.hold();
    watched.recovery.begin();
  }

  /** Null where it can be tried. An agent that throws where it is looked at must cost nobody the rest of a report. */
  #whyNobodyRecovers(watched: Watched): string | null {
    try {
      if (recoverer(watched, this.#matter.config) !== null) return null;
      return watched.strategy === 'alert' ? '' : ' and there is no restart() to call';
    } catch (error) {
      watched.failed(error);
      return ' and its restart() cannot be read';
    }
  }

  #recoveryOf(watched: Watched): Recovery {
    const { agents, config } = this.#matter;
    return new Recovery(config, {
      attempting: () => {
        this.counters.recoveryAttempts += 1;
        this.#enter(watched, 'attempt');
      },
      attempt: async (wanted, brought, called) => {
        const born = (worker: Worker): void => {
          if (agents.has(watched)) this.#relocate(watched, worker, watched.life.firstWork);
          brought();
        };
        const next = await recoverer(watched, config, { called, brought, born, wanted })?.();
        if (next !== undefined && agents.has(watched)) this.#cameBack(watched, next);
      },
      catchUp: async (wanted) => {
        const { recoveryTimeout } = config;
        await watched.missed?.catchUp((step, what) => bounded(step, recoveryTimeout, what), wanted, recoveryTimeout);
      },
      attemptFailed: (error) => {
        if (watched.spawn === null) this.#leaveEnded(watched);
        watched.failed(error);
      },
      recovered: () => {
        this.counters.successfulRecoveries += 1;
        this.#renew(watched);
        this.#lookAtWorker(watched);
        // Who was given up comes back by its sign of life.
        this.#enter(watched, watched.state === 'failed' ? 'alive' : 'recovered');
      },
      alive: () => {
        this.#lookAtWorker(watched);
        this.#enter(watched, 'alive');
      },
      gaveUp: (answers) => {
        // Nobody starts another one.
        this.#leaveEnded(watched);
        if (watched.state !== 'failed') {
          this.#enter(watched, 'gave up');
          this.alert('recovery-failed', `gave up after ${config.maxRecoveries} attempts`, watched);
        }
        // What it missed it has not taken, but it lives.
        if (answers && agents.has(watched)) this.#enter(watched, 'alive');
      },
    });
  }

  /** An attempt has brought `next` back, in place of the agent or as that. */
  #cameBack(watched: Watched, next: MonitoredAgent): void {
    const { agents, audience } = this.#matter;
    const { agent, worker, spawn } = watched;
    // Before its own code runs, which may throw: whichever agent is watched by then is held.
    audience.holdOnTo(next);
    try {
      watched.adopt(next);
    } finally {
      audience.letGoOf(watched.agent === next ? agent : next);
    }
    // That code may have had it let go.
    if (!agents.has(watched)) return;
    // Nobody says where another one lives, or the same one after the end of its worker.
    if (spawn === null && worker !== null && (next !== agent || threadOf(worker) === null)) {
      this.#relocate(watched, null, watched.life.firstWork);
    }
    // It has answered.
    if (watched.pingable) watched.alive('ping');
  }

  /** What spoke against the place where the agent was does not speak against it any more. */
  #relocate(watched: Watched, worker: Worker | null, firstWork: number): void {
    watched.life.rest(firstWork);
    this.#matter.wire.relocate(watched, worker, firstWork);
    this.liveIn(watched, worker);
  }

  /** A new life: reports that are still under way about the old one no longer find it. */
  #renew(watched: Watched): void {
    const { firstWork } = watched.life;
    const next = this.newTicket();
    this.#matter.wire.reset(watched, next, firstWork);
    watched.renew(next, firstWork);
  }

  /** Its worker may have ended while the agent was catching up. */
  #lookAtWorker(watched: Watched): void {
    const { worker } = watched;
    if (worker !== null && threadOf(worker) === null) this.liveIn(watched, worker);
  }

  /** It is not tied any more to a worker that has ended, nor accused for the end of that. */
  #leaveEnded(watched: Watched): void {
    const { worker, life } = watched;
    if (worker !== null && threadOf(worker) === null) this.#relocate(watched, null, life.nextWork);
  }

  /** Takes note of what happened to an agent, and tells where that leads. `false`: nowhere. */
  #enter(watched: Watched, cause: Cause): boolean {
    const { alarm, audience, wire } = this.#matter;
    const previous = watched.life.take(cause);
    if (previous === null) return false;
    const { state } = watched.life;
    // Before anybody hears of it: a listener may take the agent out, and nobody would ever say that it no longer fails.
    const tooMany = cause === 'gone' && alarm.fails(watched.id) ? alarm.failing : null;
    watched.moved();
    if (state === 'healthy' || state === 'busy') {
      watched.missedBeats = 0;
      watched.reason = null;
      watched.missed?.end();
      alarm.ends(watched.id);
    }
    const transition = { ...healthOf(watched, wire.lookQuietly(watched)), previous };
    this.#telling.about(watched, () => audience.tell(EVENT_OF[state], transition));
    if (tooMany !== null) this.#telling.about(null, () => alarm.tellDegraded(tooMany));
    // A listener may have brought about more.
    return watched.life.state === state;
  }
}
