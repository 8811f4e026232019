/**
 * Monitors behind the calls of the trial: `register(agent)`, `beat(id)`, `gone(hear)`, `close()`. An agent has an `id` and a
 * `ping()`. Intervals are two seconds, two missed beats are the end.
 */
const INTERVAL_MS = 2_000;
const MOST_MISSED = 2;

export const monitors = {
  'smalltalk-native': async () => {
    const { AgentHealthMonitor } = await import('./ours.mjs');
    const monitor = new AgentHealthMonitor({ heartbeatInterval: INTERVAL_MS, recoveryStrategy: 'alert' });
    return {
      register: (agent) => monitor.registerAgent(agent),
      beat: (id) => monitor.recordActivity(id),
      gone: (hear) => monitor.on('agent:disconnected', ({ id }) => hear(id)),
      close: () => monitor.close(),
    };
  },
  "origin's monitor": () => new OriginMonitor(),
  'one timer for all': () => new OneTimer(),
};

/** Who was silent is asked; who does not answer within an interval has missed a beat. */
class Pinging {
  activity = new Map();
  missed = new Map();
  hear = () => undefined;

  beat(id) {
    this.activity.set(id, Date.now());
  }

  gone(hear) {
    this.hear = hear;
  }

  async look(agent) {
    if (Date.now() - (this.activity.get(agent.id) ?? 0) < INTERVAL_MS) return;
    const missed = this.missed.get(agent.id) ?? 0;
    if (missed === MOST_MISSED) this.hear(agent.id);
    this.missed.set(agent.id, missed + 1);
    await agent.ping();
    this.missed.delete(agent.id);
    this.beat(agent.id);
  }
}

/** The monitor of the origin's research, as its section 5 describes it: a timer for each agent. */
class OriginMonitor extends Pinging {
  timers = [];

  register(agent) {
    this.beat(agent.id);
    this.timers.push(setInterval(() => void this.look(agent), INTERVAL_MS));
  }

  close() {
    for (const timer of this.timers) clearInterval(timer);
  }
}

/** The same with one timer that looks at all of them. */
class OneTimer extends Pinging {
  agents = [];
  timer = setInterval(() => {
    for (const agent of this.agents) void this.look(agent);
  }, INTERVAL_MS);

  register(agent) {
    this.beat(agent.id);
    this.agents.push(agent);
  }

  close() {
    clearInterval(this.timer);
  }
}
