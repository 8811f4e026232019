/** Agent health as a strict consumer sees it. */
import { EventEmitter, on, once } from 'node:events';
import { Worker } from 'node:worker_threads';
import {
  AgentHealthMonitor,
  JsonlEventReplayStorage,
  SmallTalkEventBus,
  type AgentHealth,
  type AgentState,
  type HealthAlert,
  type HealthBus,
  type HealthEvents,
  type HealthListener,
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

// It is an emitter of these events and of no others.
for (const name of ['agent:disconnected', 'agent:failed'] as const) monitor.on(name, ({ state }) => state);
const failing: HealthListener<'degraded' | 'restored'> = ({ failing }) => failing.join();
monitor.addListener('degraded', failing).prependListener('restored', failing).removeListener('degraded', failing);
monitor.prependOnceListener('listener:error', (error, name) => [error, name.length]).removeAllListeners('alert');
const names: (keyof HealthEvents)[] = monitor.eventNames();
const listening: HealthListener<'alert'>[] = [...monitor.listeners('alert'), ...monitor.rawListeners('alert')];
const counted: number = monitor.listenerCount('alert') + monitor.setMaxListeners(20).listenerCount('degraded', failing);
const told: boolean = monitor.emit('degraded', { failing: ['ada'] });
const [waited, iterated]: [Promise<unknown[]>, AsyncIterable<unknown[]>] = [
  once(monitor, 'alert'),
  on(monitor, 'alert'),
];
const bus: HealthBus = monitor;
class Mine extends AgentHealthMonitor {
  shout(): boolean {
    return this.emit('restored', { failing: [] });
  }
}
void new Mine().once('restored', failing).shout();

// @ts-expect-error there is no such event
monitor.on('agent:dead', () => undefined);
// @ts-expect-error nor one with a symbol for a name
monitor.once(Symbol('alert'), () => undefined);
// @ts-expect-error nor can it be emitted
monitor.emit('agent:dead');
// @ts-expect-error an argument is missing
monitor.emit('degraded');
// @ts-expect-error a loop is watched for milliseconds, or not at all
new AgentHealthMonitor({ loopThreshold: true });
// @ts-expect-error an alert is no transition
monitor.on('alert', ({ previous }) => previous);
// @ts-expect-error there is no such strategy
new AgentHealthMonitor({ recoveryStrategy: 'hope' });
// @ts-expect-error health is a snapshot with these members only
health?.heartRate;

export const closed: Promise<void> = monitor.close();
export { answer, bus, counted, emitter, everyone, given, iterated, listening, names, plain, reason, told, waited };
