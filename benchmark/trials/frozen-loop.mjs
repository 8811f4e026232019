/** How long after the threshold it is noticed that a loop is frozen: by a worker of the process; or from inside the loop. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

const LOOP_STARTS_MS = 300;

export async function run(candidate, { threshold, busy, frozenMs }) {
  const spinning = Array.from({ length: busy }, () =>
    spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  );
  try {
    if (busy > 0) await sleep(LOOP_STARTS_MS);
    return { ns: await noticed[candidate](threshold, frozenMs) };
  } finally {
    for (const child of spinning) child.kill('SIGKILL');
  }
}

const noticed = {
  'smalltalk-native': async (threshold, frozenMs) => {
    const { AgentHealthMonitor } = await import('../candidates/ours.mjs');
    const at = new BigInt64Array(new SharedArrayBuffer(8));
    const worker = new Worker(new URL('../candidates/listening-worker.mjs', import.meta.url), { workerData: at });
    await once(worker, 'message');
    const monitor = new AgentHealthMonitor({ loopThreshold: threshold });
    monitor.start();
    await sleep(LOOP_STARTS_MS);
    const began = process.hrtime.bigint();
    freeze(frozenMs, () => Atomics.load(at, 0) !== 0n);
    const when = Atomics.load(at, 0);
    await worker.terminate();
    await monitor.close();
    if (when === 0n) throw new Error('nobody noticed');
    return Number(when - began) - threshold * 1e6;
  },

  /** A timer that comes late: the one way there is without another thread. */
  'from inside the loop': async (threshold) => {
    let late = null;
    let last = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      if (now - last > threshold) late ??= now;
      last = now;
    }, 50);
    await sleep(LOOP_STARTS_MS);
    const began = performance.now();
    // It would go on for as long as the freeze does.
    freeze(3 * threshold, () => false);
    while (late === null) await sleep(1);
    clearInterval(timer);
    return (late - began - threshold) * 1e6;
  },
};

function freeze(ms, over) {
  const end = performance.now() + ms;
  while (performance.now() < end && !over());
}
