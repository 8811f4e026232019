/** What a strict project sees of the bus. Never run. */
import { EventEmitter, once } from 'node:events';
import { SmallTalkEventBus, type BusStats, type LogStats, type ReplayReport, type StoredEvent } from 'smalltalk-native';

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

// Scopes and topics know the events of their bus.
const scope = bus.scope({ sessionId: 's', conversationId: 'c', agentId: 'a', priority: 'critical', anything: [1] });
const inner = scope.scope({ step: 2 });
const back: SmallTalkEventBus<AgentEvents> = inner.bus;
const scoped: boolean = inner.emit('agent:message', 'writer', 'hello');
const topic = scope.topic('agent:join');
const told: boolean = topic.emit('writer') || bus.topic('agent:message').emit('writer', 'hello');
void [back, scoped, told];
// @ts-expect-error -- an argument is missing
scope.emit('agent:message', 'writer');
// @ts-expect-error -- no event of this bus
inner.topic('agent:left');
// @ts-expect-error -- of another type
topic.emit(5);
// @ts-expect-error -- an argument too many
topic.emit('writer', 'hello');
// @ts-expect-error -- no priority
bus.scope({ priority: 'high' });
// @ts-expect-error -- an id is text
bus.scope({ agentId: 5 });

const durable: Promise<boolean> = bus.emitDurable('agent:join', 'writer');
const durableToo: Promise<boolean> = inner.emitDurable('agent:message', 'writer', 'hello');
void [durable, durableToo];
// @ts-expect-error -- of another type
void bus.emitDurable('agent:join', 5);
// @ts-expect-error -- no event of this bus
void scope.emitDurable('agent:left');

// The bus's own events have types of their own.
bus.on('listener:error', (error: unknown, name: string | symbol) => void [error, name]);
bus.on('log:overflow', ({ dropped, critical }) => {
  const sum: number = dropped + critical;
  return void sum;
});
bus.once('log:error', (error, event) => void [error.message, event?.seq.toFixed()]);
// @ts-expect-error -- the first argument is an object
bus.on('log:overflow', (dropped: number) => void dropped);
// @ts-expect-error -- a listener that wants more than there is
bus.on('listener:error', (error: unknown, name: string, more: number) => void [error, name, more]);

const stats: BusStats = bus.getStats();
const log: LogStats | null = stats.log;
const numbers: number[] = [stats.emitted, stats.delivered, stats.byPriority.critical, stats.history.bytes];
void [numbers, log?.queuedBytes, stats.log?.droppedCritical];
// @ts-expect-error -- there may be no log
void stats.log.logged;

const report: ReplayReport = bus.replay({ listener: (...args: unknown[]) => void args, metadata: { agentId: 'a' } });
const skipped: number = report.skipped;
void skipped;

const emitter: EventEmitter = bus;
void emitter;

new SmallTalkEventBus({ redact: (event) => (event.event === 'secret' ? null : { ...event, args: [] }) });
// @ts-expect-error -- an event, or null
new SmallTalkEventBus({ redact: (event) => void event });
// @ts-expect-error -- one of two words
new SmallTalkEventBus({ listenerErrors: 'ignore' });
