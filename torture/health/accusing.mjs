/** Whatever may befall a healthy process: it must accuse nobody. */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pass } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { attach } from './debugger.mjs';
import { sizeOf } from './sizes.mjs';

const here = (file) => fileURLToPath(new URL(file, import.meta.url));

/** A process with agents that answer, and what it has said. `whole(count)`: it has pinged so often since. */
class Healthy {
  static async start(options, execArgv = []) {
    const child = fork(here('./healthy.cjs'), [JSON.stringify(options)], {
      execArgv,
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    const healthy = new Healthy(child);
    await healthy.hear('ready');
    return healthy;
  }

  constructor(child) {
    this.child = child;
    this.stderr = '';
    // One of each for every question that waits.
    child.setMaxListeners(0);
    child.stderr.on('data', (text) => (this.stderr += text));
    child.on('exit', (code, signal) => (this.ended = code ?? signal));
  }

  /** Asks, and waits for the answer: then the child has lived on. */
  async ask(question) {
    this.child.send(question);
    return this.hear('answer');
  }

  async hear(kind) {
    for (;;) {
      const [message] = await Promise.race([
        once(this.child, 'message'),
        once(this.child, 'exit').then(() => {
          throw new Error(`the process ended: ${this.stderr}`);
        }),
      ]);
      if (message.kind === kind) return message;
    }
  }

  /** What it has accused anybody of, once every agent has been asked again. */
  async verdict() {
    const { accused, frozen, thawed, pings } = await this.ask({ kind: 'verdict' });
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
    return { accused: accused.length, frozen, thawed, pings, first: accused[0] ?? null };
  }
}

/** No accusation, and so many freezes, each thawed, of a loop that really froze. */
function judged(verdict, { frozen = 0, ...more } = {}) {
  const { first, ...counts } = verdict;
  const fits = verdict.accused === 0 && verdict.frozen === frozen && verdict.thawed === frozen;
  return { ...more, ...counts, ...(first !== null && { first }), faults: fits ? 0 : 1 };
}

export const accusing = {
  async stops({ count, longestMs }) {
    const healthy = await Healthy.start({ agents: 200 });
    for (let stop = 0; stop < count; stop += 1) {
      // At another moment of the interval, and for another time, each time.
      await pass((stop * 37) % 200);
      healthy.child.kill('SIGSTOP');
      await pass(1_000 + ((longestMs - 1_000) * stop) / Math.max(1, count - 1));
      healthy.child.kill('SIGCONT');
      await healthy.ask({ kind: 'live' });
    }
    return judged(await healthy.verdict(), { stops: count });
  },

  async collections({ count, megabytes }) {
    const flags = ['--expose-gc', `--max-old-space-size=${megabytes * 3}`];
    const healthy = await Healthy.start({ agents: 200, megabytes }, flags);
    const { longestMs } = await healthy.ask({ kind: 'collect', count });
    const verdict = await healthy.verdict();
    // A collection that takes longer than the threshold freezes the loop: that is true, and accuses nobody.
    return judged({ ...verdict, thawed: verdict.frozen }, { frozen: verdict.frozen, collections: count, longestMs });
  },

  async busyProcesses({ count, seconds }) {
    const healthy = await Healthy.start({ agents: 200 });
    const busy = Array.from({ length: count }, () => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
    try {
      await pass(seconds * 1_000);
      return judged(await healthy.verdict(), { busy: count, seconds });
    } finally {
      for (const child of busy) child.kill('SIGKILL');
    }
  },

  async frozenLoop({ agents, seconds }) {
    const healthy = await Healthy.start({ agents });
    await healthy.ask({ kind: 'freeze', seconds });
    return judged(await healthy.verdict(), { agents, seconds, frozen: 1 });
  },

  async debuggerPause({ seconds }) {
    const healthy = await Healthy.start({ agents: 200 }, ['--inspect=127.0.0.1:0']);
    const [, address] = await waitFor(() => /Debugger listening on (ws:\S+)/.exec(healthy.stderr));
    const debug = await attach(address);
    await debug.pause();
    await pass(seconds * 1_000);
    await debug.resume();
    debug.close();
    await healthy.ask({ kind: 'live' });
    return judged(await healthy.verdict(), { seconds });
  },
};

async function waitFor(look) {
  for (;;) {
    const found = look();
    if (found !== null) return found;
    await pass(10);
  }
}

export const runAccusing = (name) => accusing[name](sizeOf(name));
