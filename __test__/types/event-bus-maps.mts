/** Which bus a strict project may give where a bus of another map is wanted. Never run. */
import {
  AgentHealthMonitor,
  openSmallTalk,
  SmallTalkEventBus,
  type AnyListener,
  type EventMap,
  type HealthEvents,
  type HealthListener,
  type OpenOptions,
  type OwnEventLog,
  type Scope,
  type SmallTalk,
  type Topic,
} from 'smalltalk-native';

interface Ours {
  message: (message: { from: string; text: string }) => void;
  done: (at: Date) => void;
}
interface Others {
  message: (from: string, text: string) => void;
}
interface More extends Ours {
  paid: (cents: number) => void;
}
interface Fewer {
  done: (at: Date) => void;
}
type OtherDone = { done: (at: number) => void };

const ours = new SmallTalkEventBus<Ours>();
const open = new SmallTalkEventBus();
declare const any: SmallTalkEventBus<any>;
declare const room: SmallTalk<Ours>;
class Mine extends SmallTalkEventBus<Ours> {}
class Between<T extends EventMap<T>> extends SmallTalkEventBus<T> {}

declare function want<T extends EventMap<T>>(): (bus: SmallTalkEventBus<T>) => void;
declare function wantScope<T extends EventMap<T>>(): (scope: Scope<T>) => void;
declare function mapOf<T extends EventMap<T>>(bus: SmallTalkEventBus<T>): T;

// Another event of the same name is another event, and one that the bus does not have is none.
// @ts-expect-error -- of other arguments
want<Others>()(ours);
// @ts-expect-error -- of another argument
want<OtherDone>()(ours);
// @ts-expect-error -- one is missing
want<More>()(ours);
// @ts-expect-error -- of other arguments
want<Others>()(new Mine());
// @ts-expect-error -- of other arguments
want<Others>()(new Between<Ours>());
// @ts-expect-error -- not as every bus has it
want<{ 'log:error': (code: number) => void }>()(ours);
// @ts-expect-error -- of other arguments
wantScope<Others>()(ours.scope({}));
// @ts-expect-error -- one is missing
wantScope<More>()(ours.scope({}).scope({ step: 1 }));
// @ts-expect-error -- of other arguments
export const otherTopic: Topic<Others, 'message'> = ours.topic('message');
// @ts-expect-error -- of other arguments
export const otherRoom: SmallTalk<Others> = room;

// More events than are wanted are fine, and so are those that every bus has.
want<Ours>()(new SmallTalkEventBus<More>());
want<Fewer>()(ours);
want<Fewer>()(new Mine());
want<Fewer>()(new Between<Ours>());
wantScope<Fewer>()(ours.scope({}));
want<{ done: (at: Date) => void; error: (error: unknown) => void }>()(ours);
want<{ error: (error: Error) => void; 'log:error': (error: Error) => void }>()(ours);
want<{ done: (at: Date) => void; paid?: (cents: number) => void }>()(ours);
want<Ours>()({} as SmallTalkEventBus<Ours & { [K in keyof HealthEvents]: HealthListener<K> }>);
export const fewerInRoom: SmallTalk<Fewer> = room;
export const buses: SmallTalkEventBus<Fewer>[] = [ours, open, new Mine()];

// Whoever only listens may want less of an event than it has; whoever only emits may give more than it takes.
want<{ message: (message: { text: string }) => void }>()(ours);
want<{ message: () => void }>()(ours);
want<{ done: (at: Date, by: string) => void }>()(ours);
want<{ done: (at: Date) => Promise<void> }>()(ours);

// A bus of any events is one of these, too, and the other way round.
want<Ours>()(open);
want<Ours>()(any);
want<Ours>()(new SmallTalkEventBus());
want<Record<string, AnyListener>>()(ours);
wantScope<Record<string, AnyListener>>()(ours.scope({}));
wantScope<Ours>()(open.scope({}));
export const untyped: SmallTalkEventBus = ours;
export const anyhow: typeof any = ours;
export const byName = new Map<string, SmallTalkEventBus>([
  ['ours', ours],
  ['mine', new Mine()],
]);

/** What knows nothing of the map hands the bus on. */
export function around<T extends EventMap<T>>(bus: SmallTalkEventBus<T>): SmallTalkEventBus[] {
  const again: SmallTalkEventBus<T> = new SmallTalkEventBus<T>();
  new AgentHealthMonitor({ bus });
  mapOf(bus.scope({}).bus);
  return [bus, again];
}
around(new Mine());

/** What knows some of it, too. */
export function knowing<T extends Ours & EventMap<T>>(bus: SmallTalkEventBus<T>): void {
  want<Ours>()(bus);
  want<Fewer>()(bus);
  wantScope<Fewer>()(bus.scope({}));
  around(bus);
}
knowing(new SmallTalkEventBus<More>());

/** And what adds to it. */
export function adding<T extends EventMap<T>>(bus: SmallTalkEventBus<T & Ours>): void {
  want<Fewer>()(bus);
}

// The map is still found where nobody names it.
export const found: Ours[] = [mapOf(ours), mapOf(new Mine()), mapOf(new Between<Ours>())];

export async function opened(): Promise<void> {
  const { bus } = await openSmallTalk<Ours>();
  want<Fewer>()(bus);
  // @ts-expect-error -- of other arguments
  want<Others>()(bus);
  // The monitor's events are there as well, whatever the map.
  bus.on('agent:disconnected', ({ id }) => id.length);
  // @ts-expect-error -- there is none of that name
  bus.on('agent:gone', () => undefined);
}

/** What a program keeps in a variable of its own. */
export type Running = Awaited<ReturnType<typeof openSmallTalk>>;

export async function readTo(smalltalk: Running, own: OwnEventLog): Promise<void> {
  for await (const { seq } of smalltalk.log.tail('s')) seq.toFixed();
  smalltalk.health.start();
  const { log, health } = await openSmallTalk({ log: own });
  await log.eraseSession('s');
  health.start();
  // @ts-expect-error -- what is one's own may have no such method
  log.tail('s');
  const { log: ours } = await openSmallTalk<Ours>({ log: smalltalk.log });
  ours.tail('s');
  const other = await openSmallTalk<Ours, OwnEventLog>({ log: own, onFallback: 'memory' });
  // @ts-expect-error -- there may be none
  await other.log.close();
}

/** Options that are put together elsewhere, with a log of one's own or without. */
export async function readWith(
  own: OwnEventLog,
  options?: OpenOptions,
  mine?: OpenOptions<OwnEventLog>,
): Promise<void> {
  for (const { log, health } of [
    await openSmallTalk(options),
    await openSmallTalk(mine),
    await openSmallTalk<Ours, OwnEventLog>(mine),
    await openSmallTalk(Math.random() < 0.5 ? { log: own } : {}),
  ]) {
    await log?.eraseSession('s');
    health?.start();
  }
}
