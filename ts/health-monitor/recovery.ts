/** Bringing one agent back: attempts, the waits between them, and giving up. Knows no agent and no monitor. */
import { clearTimeout, monotonic, setTimeout } from '../timers.js';
import { backoffDelay } from './backoff.js';
import type { ResolvedConfig } from './options.js';
import { newOutage } from './outage.js';

/** What a recovery asks of the monitor. */
export interface RecoverySteps {
  /** An attempt begins. */
  attempting(): void;
  /**
   * The attempt itself; time-bound. Begins nothing that is not `wanted` any more: it was given up, or its agent let go. Calls
   * `called` when the agent may be starting anew, and `brought` when it has been, though nobody knows yet whether it lives,
   * however late that is.
   */
  attempt(wanted: () => boolean, brought: () => void, called: () => void): Promise<void>;
  /** What the agent missed is handed to it, while that is `wanted`. Without that, no attempt has worked. */
  catchUp(wanted: () => boolean): Promise<void>;
  /** An attempt failed; another may follow. */
  attemptFailed(error: unknown): void;
  recovered(): void;
  /** It lives, though nothing shows that an attempt has brought it back. */
  alive(): void;
  /** The attempts are used up. `answers`: it has given a sign of life since it was gone, and has not fallen silent again. */
  gaveUp(answers: boolean): void;
}

type Limits = Pick<ResolvedConfig, 'maxRecoveries' | 'recoveryWindow' | 'backoff'>;

/**
 * What is being done, and what follows. `cancel` makes each of them `idle`; while it is held, no attempt begins and none is told.
 *
 * | phase         | what is done                       | what follows                                                        |
 * | ------------- | ---------------------------------- | ------------------------------------------------------------------- |
 * | `idle`        | nothing: it lives, or was given up | it is gone: (2); or (1)                                             |
 * | `waiting`     | a timer runs                       | the timer: `attempting`; a sign of life: `idle`, or (1)             |
 * | `attempting`  | it is brought back                 | it was, or gave a sign of life: `catching up`; neither: (2)         |
 * | `catching up` | it is given what it missed         | it took that, or has come back by itself: `idle`; otherwise: (2)    |
 *
 * (1) A sign of life of one that was given up, or is waited for, and may have been started anew: `catching up`.
 * (2) `waiting`; or `idle`, given up, where the attempts are used up.
 */
type Phase = 'idle' | 'waiting' | 'attempting' | 'catching up';

/** Attempts of one agent, from its first outage on: those of an outage are remembered for a `recoveryWindow` from its end. */
export class Recovery {
  readonly #limits: Limits;
  readonly #steps: RecoverySteps;
  #phase: Phase = 'idle';
  #timer: NodeJS.Timeout | undefined;
  #held = false;
  /** Goes on with an attempt that has come to something while it was held. */
  #resume: () => void = () => undefined;

  /** Of each attempt before this outage, when the agent was healthy again, or given up; outages do not count as time. */
  #earlier: number[] = [];
  /** When this outage began, where it goes on and has not been given up. */
  #began: number | undefined;
  /** Milliseconds of all outages before. */
  #gone = 0;
  #attempted = false;
  /** The present one; while the agent lives, one of which nothing has happened yet. */
  #outage = newOutage();
  /** Names the present attempt: tells a result that still counts from one that came after a cancel. */
  #round = 0;
  /** A sign of life has come while that ran. */
  #alive = false;

  constructor(limits: Limits, steps: RecoverySteps) {
    this.#limits = limits;
    this.#steps = steps;
  }

  /** Whether there has been an attempt, also one that is forgotten by now. */
  get attempted(): boolean {
    return this.#attempted;
  }

  /** Whether it waits or works. */
  get active(): boolean {
    return this.#phase !== 'idle';
  }

  /** Whether the agent has answered, and is being handed what it missed. */
  get catchingUp(): boolean {
    return this.#phase === 'catching up';
  }

  /** Attempts that count: all of the present outage, however long that takes, and those before it within the window. */
  get spent(): number {
    const oldest = this.#now - this.#limits.recoveryWindow;
    this.#earlier = this.#earlier.filter((moment) => moment > oldest);
    return this.#earlier.length + this.#outage.attempts;
  }

  /** The agent is gone. */
  begin(): void {
    if (this.active) return;
    this.#settleAttempts();
    this.#outage = newOutage();
    this.#began = monotonic();
    this.#next();
  }

  /**
   * The agent gave a sign of life. `true` where that settles it. An attempt that runs is waited for; one that may have been
   * started anew, and answers too late for its attempt, has to catch up.
   */
  signOfLife(): boolean {
    const { called, brought, refused } = this.#outage;
    const attempting = this.#phase === 'attempting' || this.catchingUp;
    const late = !attempting && (called || brought) && !refused;
    // What it has refused the next attempt hands over again.
    if (!attempting && !late && !(this.#phase === 'waiting' && refused)) {
      this.cancel();
      return true;
    }
    this.#alive = this.#outage.answers = true;
    if (late) void this.#comeLate();
    return false;
  }

  /** The agent fell silent again while an attempt runs. */
  silentAgain(): void {
    this.#alive = this.#outage.answers = false;
  }

  /** Begins no further attempt, and tells of none, until `go()`. */
  hold(): void {
    this.#held = true;
    clearTimeout(this.#timer);
  }

  go(): void {
    if (!this.#held) return;
    if (this.#phase === 'waiting') this.#wait();
    this.#resume();
    // Last: where the stack is full before, it can be told so again.
    this.#held = false;
  }

  /** Forgets what is under way. */
  cancel(): void {
    this.#round += 1;
    this.#end();
  }

  #end(): void {
    this.#phase = 'idle';
    this.#settleAttempts();
    this.#outage = newOutage();
    clearTimeout(this.#timer);
  }

  /** Milliseconds, without those of outages: whatever an attempt takes, nothing is forgotten meanwhile. */
  get #now(): number {
    return (this.#began ?? monotonic()) - this.#gone;
  }

  /** From now on the attempts count for a window only. */
  #settleAttempts(): void {
    for (; this.#outage.attempts > 0; this.#outage.attempts -= 1) this.#earlier.push(this.#now);
    if (this.#began !== undefined) this.#gone += monotonic() - this.#began;
    this.#began = undefined;
  }

  #next(): void {
    if (this.spent >= this.#limits.maxRecoveries) {
      this.#giveUp();
      return;
    }
    this.#phase = 'waiting';
    if (!this.#held) this.#wait();
  }

  #giveUp(): void {
    const { answers } = this.#outage;
    this.#phase = 'idle';
    this.#settleAttempts();
    // It lives: a later sign of life is nothing to catch up after.
    if (answers) this.#end();
    this.#steps.gaveUp(answers);
  }

  #wait(): void {
    clearTimeout(this.#timer);
    const delay = backoffDelay(this.spent, this.#limits.backoff);
    this.#timer = setTimeout(() => void this.#attempt(), delay).unref();
  }

  async #attempt(): Promise<void> {
    const round = ++this.#round;
    this.#phase = 'attempting';
    this.#alive = false;
    this.#attempted = true;
    this.#outage.attempts += 1;
    this.#steps.attempting();
    // A listener may have ended it, or hold it.
    if (!(await this.#goesOn(round))) return;
    const outage = this.#outage;
    outage.refused = false;
    const brought = (): void => void (outage.brought = true);
    const called = (): void => void (outage.called = true);
    const failure = await this.#failureOf(round, (wanted) => this.#steps.attempt(wanted, brought, called));
    if (!(await this.#goesOn(round))) return;
    if (await this.#hasCaughtUp(round, this.#alive ? null : failure)) return;
    this.#next();
  }

  /** After the end of an attempt that has brought it back after all, or may have. */
  async #comeLate(): Promise<void> {
    const round = ++this.#round;
    const givenUp = this.#phase === 'idle';
    clearTimeout(this.#timer);
    if (await this.#hasCaughtUp(round, null, true)) return;
    if (givenUp) this.#giveUp();
    else this.#next();
  }

  /** Goes on with an attempt that came to `failure`, or to nothing of that kind. `false`: it has failed. */
  async #hasCaughtUp(round: number, failure: { error: unknown } | null, late = false): Promise<boolean> {
    const outage = this.#outage;
    if (failure === null) this.#phase = 'catching up';
    const fault = failure ?? (await this.#failureOf(round, (wanted) => this.#steps.catchUp(wanted)));
    if (failure === null && !(await this.#goesOn(round))) return true;
    const byItself = late && !outage.brought;
    if (failure === null && fault !== null && !byItself) outage.refused = true;
    if (byItself ? outage.answers : fault === null) {
      this.#end();
      // Nobody has brought it back: it lives, whatever it makes of what it missed.
      if (byItself) this.#steps.alive();
      else this.#steps.recovered();
      return true;
    }
    if (fault !== null) this.#steps.attemptFailed(fault.error);
    return false;
  }

  /** What a step fails with. What it does after its end is wanted as little as what it does when the attempt is nobody's. */
  async #failureOf(round: number, step: (wanted: () => boolean) => Promise<void>): Promise<{ error: unknown } | null> {
    let ended = false;
    try {
      await step(() => !ended && round === this.#round);
      return null;
    } catch (error) {
      return { error };
    } finally {
      ended = true;
    }
  }

  /** Waits while it is held. `false`: what the attempt came to is nobody's any more. */
  async #goesOn(round: number): Promise<boolean> {
    while (this.#held && round === this.#round) await new Promise<void>((resolve) => (this.#resume = resolve));
    return round === this.#round;
  }
}
