'use strict';

/** A process with agents that answer every ping, and do nothing else; it notes whatever its monitor has to say. */
const { AgentHealthMonitor } = require('./package.cjs');

const { agents, megabytes = 0 } = JSON.parse(process.argv[2]);
const INTERVAL = 200;

const monitor = new AgentHealthMonitor({
  heartbeatInterval: INTERVAL,
  recoveryStrategy: 'alert',
  loopThreshold: 1_000,
});
const accused = [];
let [frozen, thawed, pings] = [0, 0, 0];
for (const name of ['suspect', 'disconnected', 'recovering', 'failed']) {
  monitor.on(`agent:${name}`, ({ id, reason, silentFor }) => accused.push({ name, id, reason, silentFor }));
}
monitor.on('alert', ({ kind }) => accused.push({ name: 'alert', kind }));
monitor.on('loop:frozen', (news) => {
  frozen += 1;
  if (news.holder !== null) accused.push({ name: 'holder', ...news.holder });
});
monitor.on('loop:thawed', () => (thawed += 1));
// A monitor lives as long as somebody holds it, or one of its agents.
const everyone = Array.from({ length: agents }, (_, index) => ({
  id: `agent ${index}`,
  ping: async () => void (pings += 1),
}));
for (const agent of everyone) monitor.registerAgent(agent);

// Something to collect: many objects, which take the collector longest.
const heap = [];
for (let filled = 0; filled < megabytes; filled += 1) {
  heap.push(Array.from({ length: 8_000 }, (_, index) => ({ index, text: `message ${index}`, next: null })));
}

/** Every agent has been asked twice since: whoever was to be accused has been. */
async function live() {
  const wanted = pings + 2 * everyone.length;
  while (pings < wanted) await new Promise((resolve) => setTimeout(resolve, 20));
}

function freeze(seconds) {
  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end);
}

async function collect(count) {
  let longest = 0;
  for (let round = 0; round < count; round += 1) {
    const began = performance.now();
    globalThis.gc();
    longest = Math.max(longest, performance.now() - began);
    heap[round % heap.length] = Array.from({ length: 8_000 }, (_, index) => ({ index, text: `message ${index}` }));
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  return { longestMs: Math.round(longest) };
}

const deeds = {
  live: async () => live(),
  freeze: async ({ seconds }) => {
    freeze(seconds);
    await live();
  },
  collect: async ({ count }) => collect(count),
  verdict: async () => {
    await live();
    return { accused, frozen, thawed, pings };
  },
};

process.on('message', (message) => {
  void deeds[message.kind](message).then((answer) => process.send({ kind: 'answer', ...answer }));
});
process.send({ kind: 'ready' });
