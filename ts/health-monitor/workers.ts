/** Agents that live in a worker thread. */
import type { Worker } from 'node:worker_threads';

import { HealthError } from '../errors.js';

/** Who is to be told of the end of a worker: it has one listener for all of them, however many agents live in it. */
const survivors = new WeakMap<Worker, { everyone: Set<() => void>; exited: () => void }>();

/** Calls `ended`, which is nobody else's, when the worker ends; the function that comes back stops that. */
export function onExit(worker: Worker, ended: () => void): () => void {
  const { everyone, exited } = survivors.get(worker) ?? survivorsOf(worker);
  everyone.add(ended);
  // Whoever takes off all listeners of a worker takes off ours as well.
  if (!worker.listeners('exit').includes(exited)) worker.once('exit', exited);
  return () => {
    if (!everyone.delete(ended) || everyone.size > 0) return;
    survivors.delete(worker);
    worker.off('exit', exited);
  };
}

function survivorsOf(worker: Worker): { everyone: Set<() => void>; exited: () => void } {
  const everyone = new Set<() => void>();
  const exited = (): void => {
    survivors.delete(worker);
    for (const ended of everyone) {
      // One may have been taken off by another one.
      everyone.delete(ended);
      ended();
    }
  };
  const made = { everyone, exited };
  survivors.set(worker, made);
  return made;
}

/** The id of its thread; null where it has ended. */
export function threadOf(worker: Worker | null): number | null {
  return worker === null || worker.threadId < 0 ? null : worker.threadId;
}

/** Whether it runs its program: before that, and after its end, its loop has done nothing and waited for nothing. */
function isOnline(worker: Worker): boolean {
  const used = (worker as Partial<Worker>).performance?.eventLoopUtilization();
  return used !== undefined && used.active + used.idle > 0;
}

/**
 * Ends a worker, however stuck, and starts the next one, which is `born` then; resolves when that runs. A worker in a
 * system call ends when that does: by then, it may not be `wanted` any more that another one is started.
 */
export async function respawn(
  worker: Worker,
  spawn: () => Worker,
  { born, wanted }: { born(worker: Worker): void; wanted(): boolean },
): Promise<void> {
  await worker.terminate();
  if (!wanted()) throw new HealthError('ERR_UNAVAILABLE', 'nobody waits for a new worker any more');
  const next = spawn();
  if (typeof (next as Partial<Worker> | undefined)?.terminate !== 'function') {
    throw new TypeError('spawn() must give a Worker');
  }
  // Of its end nobody would tell any more.
  if (threadOf(next) === null) throw new HealthError('ERR_UNAVAILABLE', 'spawn() gave a worker that has ended');
  born(next);
  // One that was held in reserve.
  if (isOnline(next)) return;
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
