/** Agent health as a strict consumer sees it. */
import { EventEmitter } from 'node:events';
import { Worker } from 'node:worker_threads';
import {
  AgentHealthMonitor,
  JsonlEventReplayStorage,
  SmallTalkEventBus,
  type AgentHealth,
  type AgentState,
  type HealthAlert,
  type HealthReason,
  type LoopHolder,
  type MonitoredAgent,
} from 'smalltalk-native';

interface Talk {
  said: (text: string) => void;
}

/** An agent as frameworks have it: an emitter with a name of its own kind. */
class Agent extends EventEmitter {
  constructor(readonly name: string) {
    super();
  }
  async ping(): Promise<number> {
    return 1;
  }
}

const monitor = new AgentHealthMonitor({
  recoveryStrategy: 'replace',
  replace: async (agent: MonitoredAgent) => new Agent(agent.name ?? ''),
  backoff: { jitter: 0 },
  bus: new SmallTalkEventBus<Talk>(),
});
new AgentHealthMonitor({ bus: new SmallTalkEventBus() });
new AgentHealthMonitor({ bus: new EventEmitter() });
new AgentHealthMonitor();

const id: string = monitor.registerAgent(new Agent('ada'), { recoveryStrategy: 'alert' });
const health: AgentHealth | null = monitor.getAgentHealth(id);
const everyone: ReadonlyMap<string, AgentHealth> = monitor.getAllAgentHealth();
const emitter: EventEmitter = monitor;

monitor.on('agent:recovered', ({ previous, silentFor }) => {
  const state: AgentState = previous;
  return [state, silentFor.toFixed()];
});
monitor.once('alert', (alert: HealthAlert) => alert.agent?.missedBeats);
monitor.off('agent:failed', ({ error }) => error?.code);

new AgentHealthMonitor({ loopThreshold: false, log: new JsonlEventReplayStorage() });
monitor.registerAgent(new Agent('eva'), {
  sessions: ['s'],
  onMissed: async ({ seq, topic }) => void [seq.toFixed(), topic.length],
  worker: new Worker('./agent.js'),
  spawn: () => new Worker('./agent.js'),
});
const answer: Promise<string> = monitor.track('eva', async () => 'text', { deadline: 1_000, kind: 'model call' });
const given: Promise<number> = monitor.track('eva', Promise.resolve(1));
const plain: Promise<number> = monitor.track('eva', () => 1);
monitor.on('loop:frozen', ({ loop, threadId, frozenFor, holder }) => {
  const named: LoopHolder | null = holder;
  return [loop.length, threadId.toFixed(), frozenFor.toFixed(), named?.agentId?.length, named?.event?.length];
});
monitor.on('degraded', ({ failing }) => failing.join());
const reason: HealthReason | null | undefined = health?.reason;

// @ts-expect-error a loop is watched for milliseconds, or not at all
new AgentHealthMonitor({ loopThreshold: true });
// @ts-expect-error an alert is no transition
monitor.on('alert', ({ previous }) => previous);
// @ts-expect-error there is no such strategy
new AgentHealthMonitor({ recoveryStrategy: 'hope' });
// @ts-expect-error health is a snapshot with these members only
health?.heartRate;

export const closed: Promise<void> = monitor.close();
export { answer, emitter, everyone, given, plain, reason };
