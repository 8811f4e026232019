/** What a strict project sees of the bus. Never run. */
import { once } from 'node:events';
import { SmallTalkEventBus, type StoredEvent } from 'smalltalk-native';

interface AgentEvents {
  'agent:message': (agentId: string, message: string) => void;
  'agent:join': (agentId: string) => void;
}

type AlsoEvents = { done: (at: Date) => void };

const bus = new SmallTalkEventBus<AgentEvents>({ historyLimit: 10 });

bus.on('agent:message', (agentId, message) => {
  const text: string = agentId + message;
  return void text;
});
const heard: boolean = bus.emit('agent:join', 'writer');
bus.once('agent:join', (agentId: string) => void agentId).off('agent:join', () => undefined);
bus.emit(Symbol('any'), 1, 'two', heard);
bus.on('error', (error: unknown) => void error);
bus.on('log:error', (error: Error, event?: StoredEvent) => void [error, event]);
bus.on('newListener', (name: string | symbol) => void name);

// @ts-expect-error -- an argument is missing
bus.emit('agent:message', 'writer');
// @ts-expect-error -- of another type
bus.emit('agent:join', 5);
// @ts-expect-error -- no event of this bus
bus.emit('agent:left', 'writer');
// @ts-expect-error -- a listener that wants what the event does not have
bus.on('agent:join', (agentId: number) => void agentId);
// @ts-expect-error -- no event of this bus
bus.once('agent:left', () => undefined);

const typed = new SmallTalkEventBus<AlsoEvents>();
typed.emit('done', new Date());
// @ts-expect-error -- of another type
typed.emit('done', '2025-11-23');

const open = new SmallTalkEventBus();
open.emit('anything', 1, 'two');
open.on('anything', (n: number, text: string) => void [n, text]);

const { replayed, gap }: { replayed: number; gap: boolean } = bus.replay({ priority: 'critical', events: ['agent:*'] });
void [replayed, gap, once(bus, 'agent:join'), bus.current?.replayed, [...bus.history]];

class Mine extends SmallTalkEventBus<AgentEvents> {
  greet(): boolean {
    return this.emit('agent:join', 'mine');
  }
}
void new Mine().greet();
