/** One agent under watch: its listeners, its pings, and what is known about it. */
import type { Recovery } from './recovery.js';
import type { AgentState, ErrorSummary, MonitoredAgent, RecoveryStrategy } from './types.js';

/** The monitor's record of one agent. */
export class Watched {
  readonly id: string;
  readonly strategy: RecoveryStrategy;
  /** Where it beats. */
  readonly slot: number;
  /** Names this life of the agent in reports; a recovered one gets a new ticket. */
  ticket: number;
  state: AgentState = 'healthy';
  since = Date.now();
  missed = 0;
  error: ErrorSummary | null = null;
  rejected = false;
  lastActivity: string | null = null;
  recovery: Recovery | null = null;

  readonly #beat: () => void;
  readonly #events: readonly string[];
  #agent: MonitoredAgent;
  #detach: () => void = () => undefined;
  #gone = false;

  constructor(
    agent: MonitoredAgent,
    place: { id: string; strategy: RecoveryStrategy; slot: number; ticket: number },
    events: readonly string[],
    beat: () => void,
  ) {
    this.id = place.id;
    this.strategy = place.strategy;
    this.slot = place.slot;
    this.ticket = place.ticket;
    this.#events = events;
    this.#beat = beat;
    this.#agent = agent;
  }

  get agent(): MonitoredAgent {
    return this.#agent;
  }

  get pingable(): boolean {
    return typeof this.#agent.ping === 'function';
  }

  /** A sign of life. */
  alive(what: string): void {
    if (this.#gone) return;
    this.lastActivity = what;
    this.error = null;
    this.rejected = false;
    this.#beat();
  }

  /** Listens to the agent. */
  attach(): void {
    const agent = this.#agent;
    if (typeof agent.on !== 'function') return;
    const attached: [string, () => void][] = [];
    let listening = true;
    this.#detach = () => {
      listening = false;
      for (const [event, listener] of attached) agent.off?.(event, listener);
    };
    for (const event of this.#events) {
      // An agent without `off` keeps the listener: then it does nothing any more.
      const listener = (): void => {
        if (listening) this.alive(event);
      };
      agent.on(event, listener);
      attached.push([event, listener]);
    }
  }

  /** Stops listening; what is still on its way from this agent no longer counts. */
  release(): void {
    this.#gone = true;
    this.recovery?.cancel();
    this.#detach();
  }

  /** Puts another agent in the place of this one. */
  adopt(agent: MonitoredAgent): void {
    if (agent === this.#agent) return;
    this.#detach();
    this.#agent = agent;
    this.attach();
  }

  /** Pings the agent. An answer is a sign of life. */
  ping(rejected: (error: unknown) => void): void {
    const agent = this.#agent;
    if (typeof agent.ping !== 'function') return;
    const { ticket } = this;
    // What an agent that was replaced or restarted meanwhile has to say tells nothing about the new one.
    const counts = (): boolean => agent === this.#agent && ticket === this.ticket && !this.#gone;
    let answer: Promise<unknown>;
    try {
      answer = Promise.resolve(agent.ping());
    } catch (error) {
      answer = Promise.reject(error);
    }
    answer.then(
      () => {
        if (counts()) this.alive('ping');
      },
      (error: unknown) => {
        if (counts()) rejected(error);
      },
    );
  }
}

/** An error as plain data, so that it can be logged and sent whatever hangs on it. */
export function summary(error: unknown): ErrorSummary {
  if (typeof error !== 'object' || error === null) return { name: 'Error', message: String(error) };
  const { name, message, code } = error as { name?: unknown; message?: unknown; code?: unknown };
  return {
    name: typeof name === 'string' ? name : 'Error',
    message: typeof message === 'string' ? message : 'no message',
    ...(typeof code === 'string' && { code }),
  };
}
