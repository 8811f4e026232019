/** So many agents that beat every two seconds, and what it costs to watch them; or how soon one is missed that stops. */
import { setTimeout as sleep } from 'node:timers/promises';

import { monitors } from '../candidates/monitors.mjs';
import { collectGarbage } from '../harness/timing.mjs';

const EVERY_MS = 2_000;
/** Beats come in portions, so that the loop does nothing else at once. */
const PORTION_MS = 20;

export async function run(candidate, { agents, measure, seconds, warmUpSeconds, shuffled = false }) {
  const everyone = Array.from({ length: agents }, (_, index) => ({
    id: `agent ${index}`,
    ping: () => Promise.resolve(),
  }));
  if (!shuffled) return measures[measure](candidate, everyone, seconds, warmUpSeconds, (who) => who);
  return measures[measure](candidate, shuffle(everyone), seconds, warmUpSeconds, reshuffled);
}

/** So many agents beat at about the same time. */
const ABOUT_TOGETHER = 1_000;

/** Those that beat at about the same time do so in another order each time, so that nobody can learn who beats after whom. */
function reshuffled(everyone) {
  const order = [];
  for (let at = 0; at < everyone.length; at += ABOUT_TOGETHER) {
    order.push(...shuffle(everyone.slice(at, at + ABOUT_TOGETHER)));
  }
  return order;
}

function shuffle(list) {
  for (let at = list.length - 1; at > 0; at -= 1) {
    const other = Math.floor(Math.random() * (at + 1));
    [list[at], list[other]] = [list[other], list[at]];
  }
  return list;
}

const measures = {
  /** CPU time a second, that of the beating agents themselves taken away: as much is done first with nobody watching. */
  async time(candidate, everyone, seconds, warmUpSeconds, order) {
    const idle = await cost(() => undefined, order(everyone), seconds);
    const monitor = await open(candidate, everyone);
    // Who was registered a moment ago and has not beaten yet is asked: that passes with the first round.
    await beating((id) => monitor.beat(id), order(everyone), warmUpSeconds);
    const watched = await cost((id) => monitor.beat(id), order(everyone), seconds);
    await monitor.close();
    // As it is: nothing, and less than nothing, say that there is too little to be seen.
    return { ns: watched - idle };
  },

  /** Megabytes that it takes to watch them. */
  async memory(candidate, everyone) {
    const before = await resident();
    const monitor = await open(candidate, everyone);
    for (const { id } of everyone) monitor.beat(id);
    const after = await resident();
    await monitor.close();
    return { ns: (after - before) / 2 ** 20 };
  },

  /** From the last beat of one agent, which hangs, until it is missed. */
  async delay(candidate, everyone) {
    const [victim, ...others] = everyone;
    victim.ping = () => new Promise(() => undefined);
    const monitor = await monitors[candidate]();
    const missed = new Promise((resolve) => monitor.gone(resolve));
    for (const agent of everyone) monitor.register(agent);
    await beating((id) => monitor.beat(id), everyone, 0.5);
    monitor.beat(victim.id);
    const began = performance.now();
    let over = false;
    const going = beating(
      (id) => monitor.beat(id),
      others,
      60,
      () => over,
    );
    const id = await missed;
    const took = performance.now() - began;
    over = true;
    await going;
    await monitor.close();
    if (id !== victim.id) throw new Error(`${id} was accused`);
    return { ns: took * 1e6 };
  },
};

async function open(candidate, everyone) {
  const monitor = await monitors[candidate]();
  let accused = null;
  monitor.gone((id) => (accused = id));
  for (const agent of everyone) monitor.register(agent);
  const { close } = monitor;
  return Object.assign(monitor, {
    close: async () => {
      await Reflect.apply(close, monitor, []);
      if (accused !== null) throw new Error(`${accused} was accused`);
    },
  });
}

async function cost(beat, everyone, seconds) {
  const before = process.cpuUsage();
  await beating(beat, everyone, seconds);
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1e3) / seconds;
}

/** Everyone beats every two seconds, for so long. */
async function beating(beat, everyone, seconds, over = () => false) {
  const began = performance.now();
  let done = 0;
  for (let now = began; now < began + seconds * 1_000 && !over(); now = performance.now()) {
    const due = Math.ceil(((now - began) / EVERY_MS) * everyone.length);
    for (; done < due; done += 1) beat(everyone[done % everyone.length].id);
    await sleep(PORTION_MS);
  }
}

async function resident() {
  for (let round = 0; round < 3; round += 1) {
    await collectGarbage();
    await sleep(50);
  }
  return process.memoryUsage.rss();
}
