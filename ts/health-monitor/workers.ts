/** Agents that live in a worker thread. */
import type { Worker } from 'node:worker_threads';

import { HealthError } from '../errors.js';

/** Calls `ended` when the worker ends; the function that comes back stops that. */
export function onExit(worker: Worker, ended: () => void): () => void {
  worker.once('exit', ended);
  return () => void worker.off('exit', ended);
}

/** The id of its thread; null where it has ended. */
export function threadOf(worker: Worker | null): number | null {
  return worker === null || worker.threadId < 0 ? null : worker.threadId;
}

/** Ends a worker, however stuck, and starts the next one, which is `born` then; resolves when that runs. */
export async function respawn(worker: Worker, spawn: () => Worker, born: (worker: Worker) => void): Promise<void> {
  await worker.terminate();
  const next = spawn();
  if (typeof (next as Partial<Worker> | undefined)?.terminate !== 'function') {
    throw new TypeError('spawn() must give a Worker');
  }
  born(next);
  await new Promise<void>((resolve, reject) => {
    const exited = (code: number): void => {
      next.off('online', online);
      reject(new HealthError('ERR_UNAVAILABLE', `the new worker ended at once, with ${code}`));
    };
    const online = (): void => {
      next.off('exit', exited);
      resolve();
    };
    next.once('online', online);
    next.once('exit', exited);
  });
}
