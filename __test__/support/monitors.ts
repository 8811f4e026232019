/** What the specs of the health monitor open, closed after each test: first whatever was kept, the newest first, then the workers. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** As an answer that does not come. */
export const never = (): Promise<never> => new Promise(() => undefined);

const kept: { close(): Promise<void> }[] = [];
const workers: Worker[] = [];

afterEach(async () => {
  for (const thing of kept.splice(0)) await thing.close();
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
});

export function keep<T extends { close(): Promise<void> }>(thing: T): T {
  kept.unshift(thing);
  return thing;
}

/** A worker that runs, and does nothing. */
export async function online(): Promise<Worker> {
  const worker = new Worker('setInterval(() => undefined, 1000)', { eval: true });
  workers.push(worker);
  await once(worker, 'online');
  return worker;
}
