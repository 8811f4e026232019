/** What a strict project can build around a bus, and export. Never run; declarations are made of it. */
import {
  AgentHealthMonitor,
  JsonlEventReplayStorage,
  SmallTalkEventBus,
  type EventArgs,
  type EventMap,
  type EventName,
  type EventReplayStorage,
  type EventStream,
  type ListenerOf,
  type StreamOutcome,
} from 'smalltalk-native';

interface AgentEvents {
  'agent:message': (agentId: string, message: string) => void;
  'agent:join': (agentId: string) => void;
}

const bus = new SmallTalkEventBus<AgentEvents>();
const scope = bus.scope({ agentId: 'a' });
const health = new AgentHealthMonitor({ bus });
const log = new JsonlEventReplayStorage();

// Whatever the bus and the monitor give can be exported: its types have names that declarations can use.
export const emit = bus.emit;
export const on = bus.on;
export const emitDurably = bus.emitDurable.bind(bus);
export const scopedEmit = scope.emit;
export const joins = bus.topic('agent:join');
export const track = health.track.bind(health);
export const onHealth = health.on;
export const alerted = health.listeners('alert');
export const stream = log.openEventStream(() => undefined);

/** Around a bus of any events. */
export class Around<T extends EventMap<T>> {
  constructor(readonly bus: SmallTalkEventBus<T>) {}

  emit<K extends EventName<T>>(event: K, ...args: EventArgs<T, K>): boolean {
    return this.bus.emit(event, ...args);
  }

  on<K extends EventName<T>>(event: K, listener: ListenerOf<T, K>): this {
    this.bus.on(event, listener);
    return this;
  }
}
new Around(bus).on('agent:join', (agentId) => void agentId.length).emit('agent:join', 'writer');
// @ts-expect-error -- of another type
new Around(bus).emit('agent:join', 5);

/** What every bus has can be listened to on a bus of any events. */
export function report<T extends EventMap<T>>(any: SmallTalkEventBus<T>): void {
  any.on('error', (error) => void [error]);
  any.once('log:error', (error, event) => void [error.message, event?.seq.toFixed()]);
  any.prependListener('log:overflow', ({ dropped }) => void dropped.toFixed());
  any.off('listener:error', (error: unknown, name: string | symbol) => void [error, name]);
  // @ts-expect-error -- the first argument is an object
  any.on('log:overflow', (dropped: number) => void dropped);
  // @ts-expect-error -- not every bus has it
  any.on('agent:join', () => undefined);
}
report(bus);
report(new SmallTalkEventBus());

// An event of that name which the bus has of its own goes before it.
const particular = new SmallTalkEventBus<{ error: (error: RangeError, at: number) => void }>();
particular.on('error', (error, at) => void [error.message, at.toFixed()]);
particular.emit('error', new RangeError('x'), 5);
// @ts-expect-error -- of another type
particular.emit('error', 'x');
// @ts-expect-error -- of another type
particular.on('error', (error: RangeError, at: string) => void [error, at]);

/** A log of a user's own, with the short road. */
export class MyLog implements Pick<EventReplayStorage, 'openEventStream'> {
  openEventStream(settled: (outcome: StreamOutcome) => void): EventStream {
    return {
      kind: (sessionId, event) => ({ sessionId, ...event }),
      encode: (_kind, payload) => JSON.stringify(payload),
      add: (_kind, text) => settled({ events: 1, characters: text.length, failures: [] }),
      idle: async () => {},
    };
  }
}
