/**
 * The order of what is asked for on one session, where the store may answer "not on this state": then a save of changes
 * is sent a second time, and must not come after what was asked for later.
 *
 * Saves of changes follow each other at once. Everything else waits until those before it are settled, and whoever
 * takes several turns of the loop to be sent holds back all that comes after it. Where nothing waits, nothing is delayed.
 */

import { ChurnMap } from '../churn.js';
import { StorageError } from '../errors.js';
import { innerPromise } from '../inner-promise.js';
import type { Clock, Late } from '../patience.js';
import { needStack } from '../stack.js';
import { soon } from '../timers.js';
import { mayBegin, newLine, push, shift, takeOutLate, type Line, type Patient, type TurnKind } from './turn-line.js';

/** One operation whose turn it is. */
export interface Turn {
  /** The operation is with the store: whoever comes next may begin. */
  sent(): void;
  /** Does something once all earlier ones of this session have done theirs; nothing begins meanwhile. */
  again<T>(work: () => Promise<T>): Promise<T>;
}

interface Behind extends Patient {
  begin(): void;
}

/**
 * Who is being begun at this moment. It stays where JavaScript is ended in the midst of that, past any `catch` and `finally`, as
 * a `vm` does when its time is up: then it is taken back, or whoever waits for it would wait for ever.
 */
interface Beginning {
  /** What began it within its own beginning. */
  outer: Beginning | null;
  /** Nobody waits for it any more. */
  end(): void;
  reject(error: Error): void;
}

/** The turns of all sessions of one store. */
export class Turns {
  readonly #lines = new ChurnMap<string, Line>();
  /** What waits behind an operation on everything; null where none waits itself. */
  #gate: Behind[] | null = null;
  /** Who waits for all lines. */
  readonly #broad = new Set<Patient>();
  readonly #clock: Readonly<Clock>;
  /** Since when what is being begun has waited; null while nothing is. */
  #since: number | null = null;
  #beginning: Beginning | null = null;
  /** It will be looked at whether somebody has been ended, when nothing else runs. */
  #looking = false;

  constructor(clock: Readonly<Clock> = { now: 0 }) {
    this.#clock = clock;
  }

  /** Since when what is being begun at this moment has waited. */
  get since(): number {
    return this.#since ?? this.#clock.now;
  }

  /** Withdraws what has waited too long for its turn. Whether anything still waits. */
  withdraw(late: Late, limitMs: number): boolean {
    const error = (): StorageError =>
      new StorageError('ERR_TIMEOUT', `its turn did not come within ${limitMs} ms, and it was withdrawn`);
    for (const patient of this.#broad) {
      if (!late(patient.since)) continue;
      this.#broad.delete(patient);
      patient.reject(error());
    }
    for (const one of this.#gate ?? []) if (late(one.since)) one.reject(error());
    if (this.#gate !== null) this.#gate = this.#gate.filter(({ since }) => !late(since));
    for (const line of this.#lines.values()) takeOutLate(line, late, error);
    return this.#gate !== null || this.#lines.size > 0 || this.#broad.size > 0;
  }

  /** Whether anything of this session would have to wait. */
  busy(id: string): boolean {
    return this.#gate !== null || this.#lines.has(id);
  }

  /** Begins an operation when its turn has come, which may be at once. */
  take<T>(id: string, kind: TurnKind, begin: (turn: Turn) => Promise<T>): Promise<T> {
    this.#enter();
    if (this.#gate !== null) return this.#behind(this.#gate, () => this.take(id, kind, begin));
    return this.#queue(id, this.#line(id), kind, begin);
  }

  /** Begins what concerns no session: at once, unless an operation on everything waits, which comes first. */
  pass<T>(begin: () => Promise<T>): Promise<T> {
    if (this.#gate === null) return begin();
    this.#enter();
    return this.#behind(this.#gate, () => this.pass(begin));
  }

  /** Begins an operation on everything when all before it is settled; what is asked for later begins once it is sent. */
  takeAll<T>(begin: (turn: Pick<Turn, 'sent'>) => Promise<T>): Promise<T> {
    this.#enter();
    if (this.#gate !== null) return this.#behind(this.#gate, () => this.takeAll(begin));
    const { promise, resolve, reject } = innerPromise<T>();
    let isOpen = false;
    const sent = (): void => {
      if (isOpen) return;
      const waited = this.#gate ?? [];
      // No call in between, which may be the end of it.
      isOpen = true;
      this.#gate = null;
      this.#beginAll(waited);
    };
    const start = async (): Promise<T> => begin({ sent });
    const work = (): void => void start().finally(sent).then(resolve, reject);
    // Whoever waits behind it waits for nothing.
    this.#whenSettled('other', [], reject, work, sent);
    return promise;
  }

  /** Begins a read when all that was asked for before it is settled; holds back nothing that is asked for later. */
  takeLast<T>(begin: () => Promise<T>): Promise<T> {
    this.#enter();
    if (this.#gate !== null) return this.#behind(this.#gate, () => this.takeLast(begin));
    const { promise, resolve, reject } = innerPromise<T>();
    const start = async (): Promise<T> => begin();
    this.#whenSettled('read', null, reject, () => void start().then(resolve, reject), ignore);
    return promise;
  }

  /**
   * Reads something while nothing else of these sessions begins, once all before it is settled. For who is under way already:
   * an operation on everything that was asked for meanwhile waits for that one, and so comes after this.
   */
  async hold<T>(ids: readonly string[], work: () => Promise<T>): Promise<T> {
    this.#enter();
    let release: () => void = () => undefined;
    const done = new Promise<void>((resolve) => (release = resolve));
    // In all lines in one go: of two who hold some of the same, one is the first in each.
    const turns = ids.map(
      (id) =>
        new Promise<void>((resolve, reject) => {
          const begin = (): Promise<void> => {
            resolve();
            return done;
          };
          this.#queue(id, this.#line(id), 'read', begin).catch(reject);
        }),
    );
    try {
      await Promise.all(turns);
      return await work();
    } finally {
      release();
    }
  }

  /**
   * Begins the reads that come before any other operation of their session, and the saves of changes between them: for the way
   * out of the process. None can come before a save that is sent again, as the store takes changes to one state only. `before`
   * is called before each of them.
   */
  hurryReads(before: () => void): void {
    for (const line of this.#lines.values()) {
      while (line.first !== undefined && line.first.kind !== 'other') {
        before();
        shift(line)?.begin();
      }
    }
  }

  /**
   * Begins what is next although what it waits for is not settled: for the way out of the process, where no answer comes
   * any more. Whether there was anything; what has been begun has to be sent before this is called again.
   */
  hurry(): boolean {
    // No promise goes on any more that would do it.
    if (this.#beginning !== null) this.#takeBack();
    const lines = this.#lines.values().filter(({ first }) => first !== undefined);
    for (const line of lines) shift(line)?.begin();
    return lines.length > 0;
  }

  /**
   * Takes a turn in each line that there is now: what is asked for later keeps nobody waiting, unless there is a gate from now
   * on; `otherwise` is for where it is not begun.
   */
  #whenSettled(
    kind: TurnKind,
    gate: Behind[] | null,
    reject: (error: Error) => void,
    work: () => void,
    otherwise: () => void,
  ): void {
    const lines = this.#lines.entries();
    let open = lines.length;
    const patient = { since: this.since, reject };
    const begin = (): void => {
      if (this.#broad.delete(patient)) this.#as(patient.since, work);
      else otherwise();
    };
    const end = (): void => {
      this.#broad.delete(patient);
      otherwise();
    };
    const pass = (): void => {
      open -= 1;
      if (open === 0) begin();
    };
    const outer = this.#beginning;
    this.#broad.add(patient);
    // No call in between: either both are there, or none.
    this.#gate = gate;
    this.#beginning = { outer, end, reject };
    if (open === 0 && this.#broad.delete(patient)) work();
    for (const [id, line] of lines) {
      const passed = (turn: Turn): Promise<void> => {
        turn.sent();
        pass();
        return Promise.resolve();
      };
      push(line, {
        kind,
        since: patient.since,
        begin: () => void this.#begin(id, line, kind, passed, ignore, ignore),
        end: pass,
      });
      this.#advance(id, line);
    }
    this.#beginning = outer;
  }

  #queue<T>(id: string, line: Line, kind: TurnKind, begin: (turn: Turn) => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = innerPromise<T>();
    // Mostly nobody waits.
    if (line.first === undefined && mayBegin(kind, line)) {
      void this.#begin(id, line, kind, begin, resolve, reject);
      return promise;
    }
    const { since } = this;
    const start = (): void => this.#as(since, () => void this.#begin(id, line, kind, begin, resolve, reject));
    push(line, { kind, since, begin: start, reject });
    this.#advance(id, line);
    return promise;
  }

  /**
   * Begins who waited behind a gate. Where one of them closes it again, the others go behind that one as they are: each that waits
   * behind thousands would else be asked for anew for each of them.
   */
  #beginAll(waited: readonly Behind[]): void {
    for (const behind of waited) {
      if (this.#gate === null) behind.begin();
      else this.#gate.push(behind);
    }
  }

  #behind<T>(gate: Behind[], begin: () => Promise<T>): Promise<T> {
    // What throws at once must not keep those behind it from beginning.
    const start = async (): Promise<T> => begin();
    const { since } = this;
    const { promise, resolve, reject } = innerPromise<T>();
    gate.push({ since, reject, begin: () => this.#as(since, () => void start().then(resolve, reject)) });
    return promise;
  }

  /** Before anything is changed: whoever is ended in the midst of what follows is taken back, without another call. */
  #enter(): void {
    needStack();
    if (this.#looking) return;
    soon(this.#takeBack);
    this.#looking = true;
  }

  /** Nothing is being begun while nothing else runs: who seems to be has been ended. */
  readonly #takeBack = (): void => {
    this.#looking = false;
    let ended = this.#beginning;
    if (ended === null) return;
    this.#beginning = null;
    this.#since = null;
    for (const line of this.#lines.values()) line.advancing = false;
    for (; ended !== null; ended = ended.outer) {
      ended.reject(new StorageError('ERR_INDETERMINATE', ENDED));
      ended.end();
    }
  };

  /** Begins something that has waited since then. */
  #as(since: number, begin: () => void): void {
    const before = this.#since;
    this.#since = since;
    try {
      begin();
    } finally {
      this.#since = before;
    }
  }

  #line(id: string): Line {
    const known = this.#lines.get(id);
    if (known !== undefined) return known;
    const line = newLine();
    this.#lines.set(id, line);
    return line;
  }

  #advance(id: string, line: Line): void {
    // Who begins is mostly sent at once, and comes here: thousands must not begin inside of one another.
    if (line.advancing) return;
    const outer = this.#beginning;
    while (line.first !== undefined && mayBegin(line.first.kind, line)) {
      const { begin, end, reject = ignore, next } = line.first;
      const beginning = {
        outer,
        end: () => {
          end?.();
          this.#advance(id, line);
        },
        reject,
      };
      // No call in between, so not by `shift`: either it waits, or it is being begun.
      line.first.next = undefined;
      line.first = next;
      if (next === undefined) line.last = undefined;
      line.advancing = true;
      this.#beginning = beginning;
      begin();
      line.advancing = false;
      this.#beginning = outer;
    }
    const settled = line.first === undefined && line.unsent === 0 && line.unsettled === 0;
    if (settled && this.#lines.get(id) === line) this.#lines.delete(id);
  }

  /** Whoever waited for its turn hears of the end in as many ticks as who did not: answers keep the order of the calls. */
  async #begin<T>(
    id: string,
    line: Line,
    kind: TurnKind,
    begin: (turn: Turn) => Promise<T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ): Promise<void> {
    let isSent = false;
    const sent = (): void => {
      if (isSent) return;
      // No call in between, which may be the end of it.
      isSent = true;
      line.unsent -= 1;
      this.#advance(id, line);
    };
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      if (kind === 'changes') line.unsettled -= 1;
      sent();
      this.#advance(id, line);
    };
    const turn: Turn = { sent, again: (work) => this.#again(id, line, work) };
    const outer = this.#beginning;
    // No call in between: either all of it is there, or nothing.
    line.unsent += 1;
    if (kind === 'changes') line.unsettled += 1;
    this.#beginning = { outer, end, reject };
    let answer: Promise<T>;
    try {
      answer = begin(turn);
    } catch (error) {
      answer = Promise.reject(error);
    }
    this.#beginning = outer;
    try {
      resolve(await answer);
    } catch (error) {
      reject(error);
    } finally {
      end();
    }
  }

  async #again<T>(id: string, line: Line, work: () => Promise<T>): Promise<T> {
    line.unsent += 1;
    const mine = line.again.then(work);
    line.again = mine.catch(() => undefined);
    try {
      return await mine;
    } finally {
      line.unsent -= 1;
      this.#advance(id, line);
    }
  }
}

const ignore = (): void => undefined;

const ENDED =
  'JavaScript was ended, as a `vm` with a timeout does it, while this was handed to the store: it may be done, or not';
