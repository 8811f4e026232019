/** A package that is loaded twice in one thread, as bundlers and nested dependencies do it, sees one loop. */
import { cpSync, readdirSync } from 'node:fs';
import path from 'node:path';

import { runNode } from './support/child.js';
import { ROOT } from './support/consumer.js';
import { temporaryDirectory } from './support/temporary.js';

const PROGRAM = `
  const { once } = require('node:events');
  const name = ${JSON.stringify(path.join(ROOT, 'dist', 'index.js'))};
  const one = require(name);
  for (const file of Object.keys(require.cache)) if (file.startsWith(require('node:path').dirname(name))) delete require.cache[file];
  const other = require(name);
  if (one.AgentHealthMonitor === other.AgentHealthMonitor) throw new Error('there is only one copy');
  const alive = setInterval(() => undefined, 1000);
  const told = [];
  const open = (copy, options) => {
    const monitor = new copy.AgentHealthMonitor({ loopThreshold: 200, ...options });
    for (const event of ['loop:frozen', 'loop:thawed']) monitor.on(event, ({ holder }) => told.push([event, holder?.event]));
    monitor.start();
    return monitor;
  };
  (async () => {
    const log = new one.JsonlEventReplayStorage({ directory: 'events' });
    await log.sessions();
    const monitors = [open(one, { log }), open(other)];
    const bus = new other.SmallTalkEventBus();
    bus.on('task', () => { const end = performance.now() + 600; while (performance.now() < end); });
    const thawed = monitors.map((monitor) => once(monitor, 'loop:thawed'));
    setTimeout(() => bus.emit('task'), 20);
    await Promise.all(thawed);
    // A second telling would have come with, or before, that of another freeze.
    const again = monitors.map((monitor) => once(monitor, 'loop:thawed'));
    setTimeout(() => bus.emit('task'), 20);
    await Promise.all(again);
    for (const monitor of monitors) await monitor.close();
    let recorded = 0;
    for await (const { topic } of log.replay('_system')) recorded += topic === 'loop_frozen' ? 1 : 0;
    await log.close();
    clearInterval(alive);
    console.log(JSON.stringify({ told, recorded }));
  })();
`;

test('a freeze is told to each monitor once, recorded once, and its holder named whichever copy runs it', async () => {
  const { code, output } = await runNode(['--no-warnings', '-e', PROGRAM], { cwd: temporaryDirectory() });
  expect([code, output]).toEqual([0, expect.stringContaining('told')]);
  const { told, recorded } = JSON.parse(output) as { told: unknown[]; recorded: number };
  const once = ['loop:frozen', 'loop:thawed'].map((event) => [event, 'task']);
  const each = (event: string): unknown[] => told.filter((line) => JSON.stringify(line).includes(event));
  expect(each('loop:frozen')).toEqual(Array.from({ length: 4 }, () => once[0]));
  expect(each('loop:thawed')).toEqual(Array.from({ length: 4 }, () => once[1]));
  expect(recorded).toBe(2);
});

/** In another place it has a binary of its own, which takes no log of the first. */
const TWO_PLACES = `
  const { once } = require('node:events');
  const one = require(${JSON.stringify(path.join(ROOT, 'dist', 'index.js'))});
  const other = require(process.env.OTHER_PLACE);
  const alive = setInterval(() => undefined, 1000);
  (async () => {
    const log = new other.JsonlEventReplayStorage({ directory: 'events' });
    const monitor = new one.AgentHealthMonitor({ log, loopThreshold: 200 });
    monitor.registerAgent({ id: 'a' }, { sessions: ['s'], onMissed: () => undefined });
    monitor.start();
    const thawed = once(monitor, 'loop:thawed');
    setTimeout(() => { const end = performance.now() + 600; while (performance.now() < end); }, 20);
    await thawed;
    await monitor.close();
    const all = await one.openSmallTalk({ directory: 'all', log });
    all.bus.emit('agent_handoff', 1);
    await all.bus.flush();
    const topics = [];
    for (const session of ['_system', 'default'])
      for await (const { topic } of log.replay(session)) topics.push(topic);
    await all.close();
    await log.close();
    clearInterval(alive);
    console.log(JSON.stringify(topics));
  })();
`;

test('a monitor takes the log of a copy in another place, and records a freeze in it', async () => {
  const cwd = temporaryDirectory();
  const place = path.join(cwd, 'other');
  for (const name of [
    'dist',
    'index.js',
    'package.json',
    ...readdirSync(ROOT).filter((file) => file.endsWith('.node')),
  ])
    cpSync(path.join(ROOT, name), path.join(place, name), { recursive: true });
  const ended = await runNode(['--no-warnings', '-e', TWO_PLACES], { cwd, env: { OTHER_PLACE: place } });
  expect(ended).toEqual({ code: 0, output: '["loop_frozen","agent_handoff"]\n' });
});
