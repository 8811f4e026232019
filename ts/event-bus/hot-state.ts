/** What an emit needs to know, in one object: few loads, and shared by whatever stands in for the bus. */
import { Words } from '../holders.js';
import { soon } from '../timers.js';
import type { Origin } from './log-events.js';
import { INLINE_ARGUMENTS, Ring } from './ring.js';
import { REMEMBERED, type Target, type Targets } from './target.js';
import type { AnyListener } from './types.js';

type FireWarmly = (
  this: object,
  target: Target,
  count: number,
  first: unknown,
  second: unknown,
  third: unknown,
) => boolean;

/** The history of a bus, its targets, and what it has counted. */
export class HotState extends Ring {
  /** The target of the newest event. */
  last: Target;
  /** The bus itself, whatever stands in for it. */
  bus: unknown = null;
  /**
   * What the bus does where recording takes more than a push. To be called by `call` on this member: as a method it would
   * be compiled into `emit` by an engine that saw a young bus, whose every event goes this way, and stay there.
   */
  fireWarmly: FireWarmly = () => false;
  /** The listener, or the caller of several, that was called last. */
  call: AnyListener = nobody;
  /** Whether a log hears of every event. */
  logging: boolean;
  /** Whether every event asks for more than to record it and to call its listeners. */
  alwaysRare: boolean;
  /** Whether what listeners reject with is an `error` event. */
  captures = false;
  /** Recorded events that were critical. */
  criticals = 0;
  /** Recorded events that there was no stack left to hand to the log. */
  readonly unsent: Origin[] = [];
  /** What the calls of listeners are more than the recorded events, each of which usually makes one. */
  surplus = 0;
  readonly #targets: Targets;
  #words: Words | null = null;
  /** Those that hold on to listeners. */
  #listening: Target[] = [];
  /** Whether what is old is about to be let go of. */
  #lettingGo = false;

  constructor(options: { capacity: number; maxBytes: number; targets: Targets; logging: boolean; rare: boolean }) {
    super(options.capacity, options.maxBytes);
    this.#targets = options.targets;
    this.logging = options.logging;
    this.alwaysRare = options.rare;
    this.last = options.targets.of('error');
  }

  /** Where an event of no scope goes that is not the last one's: programs emit their events in sequences that recur. */
  find(event: string | symbol): Target {
    const { last } = this;
    // The name may be undefined, as that of no follower would be.
    if (last.follower === null || last.follower.name !== event) last.follower = this.#targets.of(event);
    this.last = last.follower;
    return last.follower;
  }

  /** What names its targets while a watch is on. */
  get words(): Words {
    return (this.#words ??= new Words(this));
  }

  /** Whether recording an event of this target is to push it. */
  isPlain(target: Target): boolean {
    return this.plain && !this.logging && !target.critical;
  }

  /** Where an event of no scope goes. */
  targetOf(event: string | symbol): Target {
    return this.#targets.of(event);
  }

  /** Calls of listeners up to now. */
  get delivered(): number {
    return this.lastSeq + this.surplus;
  }

  /** So many listeners are about to be called by other means. */
  countDelivered(calls: number): void {
    this.surplus += calls;
  }

  /** Records an event whose listeners are called, and counted, by other means. Gives its number. */
  recordOnly(target: Target, args: unknown[], time: number): number {
    const count = args.length;
    const seq =
      count > INLINE_ARGUMENTS
        ? this.record(target, count, args, undefined, undefined, time)
        : this.record(target, count, args[0], args[1], args[2], time);
    if (target.critical) this.criticals += 1;
    this.surplus -= 1;
    return seq;
  }

  /** A target has looked up its listeners. Those of before let go of theirs where listeners have changed since. */
  noteListening(target: Target): void {
    if (this.#listening[0]?.version !== this.version || this.#listening.length >= REMEMBERED) {
      for (const other of this.#listening) if (other !== target) other.forget(this);
      this.#listening = [];
    }
    this.#listening.push(target);
  }

  /**
   * Listeners may change now. Those of before are let go of when nothing is under way any more, as the bus may have nothing to do
   * from then on. Not at once: between two steps of an emit by a Proxy its traps may ask who listens, which looks like a change.
   */
  noteChange(): void {
    this.version += 1;
    if (this.#lettingGo || (this.#listening.length === 0 && this.call === nobody)) return;
    soon(() => this.#letGoOfOld());
    this.#lettingGo = true;
  }

  #letGoOfOld(): void {
    this.#lettingGo = false;
    this.call = nobody;
    const all = this.#listening;
    this.#listening = all.filter(({ version }) => version === this.version);
    for (const target of all) if (target.version !== this.version) target.forget(this);
  }

  /** All targets let go of their listeners, and of what names them. */
  letGo(): void {
    for (const target of this.#listening) target.forget(this);
    this.#listening = [];
  }
}

function nobody(): void {}
