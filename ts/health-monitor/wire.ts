/** The binary's end of one monitor: calls that a user waits for throw, those that nobody waits for are told of their failure. */
import type { Worker } from 'node:worker_threads';

import { HealthError } from '../errors.js';
import { crossing, type Native } from '../native.js';
import { leaveHome, showHome } from './home.js';
import type { ResolvedConfig } from './options.js';
import type { Report } from './reports.js';
import type { Watched } from './watched.js';
import { threadOf } from './workers.js';

export type Handle = ReturnType<Native['healthOpen']>;
type Look = ReturnType<Native['healthLook']>;

/** Opens the binary's end. Neither `hear` nor `lost` may keep the monitor: the binary keeps them. */
export class Wire {
  readonly handle: Handle;
  readonly #lost: (why: string) => void;
  #closed = false;

  constructor(config: ResolvedConfig, hear: (report: Report) => void, lost: (why: string) => void) {
    const { heartbeatInterval, activityTimeout, maxMissedBeats } = config;
    const settle = (batch: unknown[]): void => {
      for (let at = 2; at < batch.length; at += 3) hear(JSON.parse(batch[at] as string) as Report);
    };
    this.handle = crossing(HealthError, (binary) =>
      binary.healthOpen(settle, 0, heartbeatInterval, activityTimeout, maxMissedBeats),
    );
    this.#lost = lost;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Throws `ERR_CLOSED`. */
  checkOpen(): void {
    if (this.#closed) throw new HealthError('ERR_CLOSED', 'the health monitor is closed');
  }

  start(): void {
    this.#cross((binary) => binary.healthStart(this.handle));
  }

  stop(): void {
    this.#cross((binary) => binary.healthStop(this.handle));
  }

  close(): void {
    this.#closed = true;
    leaveHome(this);
    this.#cross((binary) => binary.healthClose(this.handle));
  }

  /** Names the log in which a frozen loop is recorded while it is. */
  recordIn(log: Parameters<Native['healthRecordIn']>[1]): void {
    this.#cross((binary) => binary.healthRecordIn(this.handle, log));
  }

  /** Has the loop of this thread watched. */
  guard(threshold: number): void {
    const home = showHome(this);
    if (home !== null) this.#cross((binary) => binary.healthGuard(this.handle, home, threshold));
  }

  /** Gives the slot in which the agent beats. */
  register(ticket: number, pingable: boolean, thread: number | null): number {
    return this.#cross((binary) => binary.healthRegister(this.handle, registration(ticket, pingable, thread)));
  }

  unregister({ slot, ticket }: Watched): void {
    this.#cross((binary) => binary.healthUnregister(this.handle, slot, ticket));
  }

  begin({ slot, ticket }: Watched, work: number, deadline: number): void {
    this.#cross((binary) => binary.healthBegin(this.handle, slot, ticket, work, deadline));
  }

  look({ slot, ticket }: Watched): Look {
    return this.#cross((binary) => binary.healthLook(this.handle, slot, ticket));
  }

  lookQuietly({ slot, ticket }: Watched): Look {
    return this.#quietly((binary) => binary.healthLook(this.handle, slot, ticket));
  }

  /** Work has ended; `shows`: that the agent lives. */
  settle({ slot, ticket }: Watched, work: number, shows: boolean): void {
    this.#quietly((binary) => binary.healthSettle(this.handle, slot, ticket, work, shows));
  }

  exit({ slot, ticket }: Watched): void {
    this.#quietly((binary) => binary.healthExit(this.handle, slot, ticket));
  }

  reject({ slot, ticket }: Watched): void {
    this.#quietly((binary) => binary.healthReject(this.handle, slot, ticket));
  }

  /** The agent lives anew, under the ticket `next`; its work from the one numbered `firstWork` on goes on. */
  reset({ slot, ticket, pingable, worker }: Watched, next: number, firstWork: number): void {
    const who = registration(next, pingable, threadOf(worker));
    this.#quietly((binary) => binary.healthReset(this.handle, slot, ticket, who, firstWork));
  }

  /** The agent lives in `worker` from now on, or in none that is known; its work from the one numbered `firstWork` on goes on. */
  relocate({ slot, ticket, pingable }: Watched, worker: Worker | null, firstWork: number): void {
    const who = registration(ticket, pingable, threadOf(worker));
    this.#quietly((binary) => binary.healthRelocate(this.handle, slot, who, firstWork));
  }

  echo(): void {
    this.#quietly((binary) => binary.healthEcho(this.handle));
  }

  #cross<T>(call: (binary: Native) => T): T {
    return crossing(HealthError, call);
  }

  /** What such a call throws would end the process. Of a monitor that is closed it asks nothing. */
  #quietly<T>(call: (binary: Native) => T): T | null {
    if (this.#closed) return null;
    try {
      return this.#cross(call);
    } catch (error) {
      this.#lost((error as Error).message);
      return null;
    }
  }
}

function registration(
  ticket: number,
  pingable: boolean,
  thread: number | null,
): Parameters<Native['healthRegister']>[1] {
  return thread === null ? { ticket, pingable } : { ticket, pingable, thread };
}
