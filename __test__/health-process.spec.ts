/** The monitor in processes of its own: worker threads, the end of the process, stop signals, panics, the collector. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { runNode, type Ended } from './support/child';
import { ROOT } from './support/consumer';

const PACKAGE = `
  const { AgentHealthMonitor } = require(${JSON.stringify(path.join(ROOT, 'dist', 'index.js'))});
  const { once, EventEmitter } = require('node:events');
  const never = () => new Promise(() => undefined);
  const QUICK = { heartbeatInterval: 50, recoveryStrategy: 'alert' };
`;

function run(program: string, options: { flags?: string[]; env?: NodeJS.ProcessEnv } = {}): Promise<Ended> {
  const { flags = [], env = {} } = options;
  return runNode([...flags, '-e', PACKAGE + program], { cwd: ROOT, env });
}

test('an open monitor with agents, pings under way and a recovery that waits does not keep the process alive', async () => {
  const ended = await run(`
    const restart = () => Promise.reject(new Error('no'));
    const backoff = { initialDelay: 60_000, maxDelay: 60_000 };
    const monitor = new AgentHealthMonitor({ ...QUICK, recoveryStrategy: 'restart', restart, backoff });
    for (let i = 0; i < 10; i++) monitor.registerAgent({ id: 'hung ' + i, ping: never });
    // Something else keeps it alive until then; afterwards nothing does.
    const alive = setInterval(() => undefined, 1000);
    monitor.once('agent:recovering', () => { clearInterval(alive); console.log('last words'); });
  `);
  expect(ended).toEqual({ code: 0, output: 'last words\n' });
});

test('monitors work in worker threads, each for itself, also where only workers load the binary', async () => {
  const ended = await run(`
    const { Worker } = require('node:worker_threads');
    const program = ${JSON.stringify(PACKAGE)} + \`
      const { parentPort, workerData } = require('node:worker_threads');
      const monitor = new AgentHealthMonitor(QUICK);
      monitor.on('agent:disconnected', ({ id }) => parentPort.postMessage(id));
      monitor.registerAgent({ id: 'hung in ' + workerData, ping: never });
      setInterval(() => undefined, 1000);
    \`;
    (async () => {
      const workers = [1, 2, 3].map((workerData) => new Worker(program, { eval: true, workerData }));
      const heard = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]));
      await Promise.all(workers.map((worker) => worker.terminate()));
      // The watching thread outlives them; here it may notice that they are gone.
      const worker = new Worker(program, { eval: true, workerData: 4 });
      heard.push((await once(worker, 'message'))[0]);
      await worker.terminate();
      console.log(heard.join(', '));
    })();
  `);
  expect(ended).toEqual({ code: 0, output: 'hung in 1, hung in 2, hung in 3, hung in 4\n' });
});

test('terminating workers at any moment harms nothing', async () => {
  const cycles = 100;
  const ended = await run(`
    const { Worker } = require('node:worker_threads');
    const program = ${JSON.stringify(PACKAGE)} + \`
      const monitor = new AgentHealthMonitor({ ...QUICK, heartbeatInterval: 10, loopThreshold: 20 });
      for (let i = 0; i < 500; i++) monitor.registerAgent({ id: 'a' + i, ping: i % 2 ? never : async () => undefined });
      setInterval(() => undefined, 1000);
      require('node:worker_threads').parentPort.postMessage('ready');
    \`;
    (async () => {
      for (let cycle = 0; cycle < ${cycles}; cycle++) {
        const worker = new Worker(program, { eval: true });
        await once(worker, 'message');
        await new Promise((resolve) => setTimeout(resolve, (cycle * 7) % 41));
        await worker.terminate();
      }
      console.log('alive');
    })();
  `);
  expect(ended).toEqual({ code: 0, output: 'alive\n' });
});

test('a forgotten monitor is collected; one whose agent lives goes on', async () => {
  const ended = await run(
    `
    let collected = 0;
    const registry = new FinalizationRegistry(() => { collected += 1; });
    (function forget() {
      for (let i = 0; i < 50; i++) {
        const monitor = new AgentHealthMonitor(QUICK);
        monitor.registerAgent({ id: 'idle', ping: async () => undefined });
        registry.register(monitor);
      }
    })();
    // One that was told to start goes on until it is told to stop.
    (function forget() { new AgentHealthMonitor({ ...QUICK, bus: { emit: () => true } }).start(); })();
    const bus = new EventEmitter();
    const agent = { id: 'held', ping: async () => undefined };
    (function forget() { new AgentHealthMonitor({ ...QUICK, bus }).registerAgent(agent); })();
    const collect = setInterval(() => {
      gc();
      if (collected < 50) return;
      clearInterval(collect);
      agent.ping = never;
      const alive = setInterval(gc, 10);
      bus.on('agent:disconnected', ({ id }) => { clearInterval(alive); console.log(id, collected); });
    }, 5);
  `,
    { flags: ['--expose-gc'] },
  );
  expect(ended).toEqual({ code: 0, output: 'held 50\n' });
});

test('registering and unregistering 100,000 agents leaves memory, handles and threads where the warm-up left them', async () => {
  const ended = await run(
    `
    const { readdirSync } = require('node:fs');
    const monitor = new AgentHealthMonitor(QUICK);
    // Some that stay, so that the monitor never comes to rest.
    const staying = Array.from({ length: 100 }, (_, i) => ({ id: 'stays ' + i, ping: async () => undefined }));
    for (const agent of staying) monitor.registerAgent(agent);
    const count = (folder) => { try { return readdirSync(folder).length; } catch { return 0; } };
    const come = async (agents) => {
      for (let i = 0; i < agents; i++) {
        const id = 'comes and goes ' + (i % 5_000);
        monitor.registerAgent(Object.assign(new EventEmitter(), { id, ping: async () => undefined }));
        if (i % 2) await monitor.track(id, () => 1);
        if (i % 5_000 === 4_999) {
          for (let j = 0; j < 5_000; j++) monitor.unregisterAgent('comes and goes ' + j);
          await new Promise(setImmediate);
        }
      }
      for (let round = 0; round < 4; round++) { gc(); await new Promise((resolve) => setTimeout(resolve, 20)); }
      const { rss, heapUsed, external } = process.memoryUsage();
      const handles = process.getActiveResourcesInfo().length + count('/proc/self/fd');
      return { rss, heapUsed: heapUsed + external, handles, threads: count('/proc/self/task') };
    };
    (async () => {
      // Newer engines let their young generation grow for that long, and keep what the last agents took of it.
      await come(200_000);
      const before = await come(100_000);
      const after = await come(100_000);
      const { totalAgents } = monitor.getStats();
      await monitor.close();
      console.log(JSON.stringify({ before, after, totalAgents }));
    })();
  `,
    { flags: ['--expose-gc'] },
  );
  expect(ended.code).toBe(0);
  const told = JSON.parse(ended.output) as Record<'before' | 'after', Record<string, number>> & { totalAgents: number };
  process.stdout.write(ended.output);
  expect(told.totalAgents).toBe(100);
  for (const [what, amount] of Object.entries(told.after)) {
    expect(`${what}: ${amount / told.before[what]! <= 1.05 ? 'within 5 %' : `${told.before[what]} → ${amount}`}`).toBe(
      `${what}: within 5 %`,
    );
  }
});

test('a process that was stopped accuses nobody when it goes on', async () => {
  const program = `${PACKAGE}
    const monitor = new AgentHealthMonitor(QUICK);
    for (const name of ['suspect', 'disconnected']) monitor.on('agent:' + name, ({ id }) => console.log('accused', id));
    let pings = 0;
    for (let i = 0; i < 50; i++) monitor.registerAgent({ id: 'a' + i, ping: async () => { pings += 1; } });
    const tell = setInterval(() => {
      if (pings < 200) return;
      pings = 0;
      console.log('alive');
    }, 5);
    process.stdin.on('end', () => { clearInterval(tell); }).resume();
  `;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const heard: string[] = [];
  lines.on('line', (line: string) => heard.push(line));
  for (let stop = 0; stop < 3; stop += 1) {
    await once(lines, 'line');
    child.kill('SIGSTOP');
    // This is the fault itself, not a wait for something: so long the process stands still.
    await new Promise((resolve) => setTimeout(resolve, 400 + 37 * stop));
    child.kill('SIGCONT');
    await once(lines, 'line');
  }
  child.stdin.end();
  const [code] = (await once(child, 'exit')) as [number];
  expect({ code, accused: heard.filter((line) => line !== 'alive') }).toEqual({ code: 0, accused: [] });
});

describe('a panic of the binary is told, and the process lives on', () => {
  const watching = `
    const monitor = new AgentHealthMonitor(QUICK);
    const alive = setInterval(() => undefined, 1000);
    monitor.once('alert', ({ kind }) => {
      clearInterval(alive);
      let code = 'no error';
      try { monitor.registerAgent({ id: 'late' }); } catch (error) { code = error.name + ' ' + error.code; }
      monitor.close().then(() => console.log(kind, code));
    });
    monitor.registerAgent({ id: 'hung', ping: never });
  `;

  test.each(['smalltalk-health', 'health-sweep'])('in the watching thread, at %s', async (point) => {
    const env = { SMALLTALK_FAULT_PANIC: point, SMALLTALK_LOG: 'off' };
    const { code, output } = await run(watching, { env });
    expect({ code, heard: output.includes('monitor-lost HealthError ERR_PANIC\n') }).toEqual({ code: 0, heard: true });
  });

  test.each(['healthEcho', 'healthLook'])('in %s, which no user called', async (point) => {
    const { code, output } = await run(watching, { env: { SMALLTALK_FAULT_PANIC: point } });
    expect({ code, heard: output.includes('monitor-lost no error\n') }).toEqual({ code: 0, heard: true });
  });
});

test('what cannot even be read, thrown by a listener or rejected by a ping, ends no process', async () => {
  const ended = await run(
    `
    const warnings = [];
    process.on('warning', ({ message }) => warnings.push(message));
    const monitor = new AgentHealthMonitor(QUICK);
    const alive = setInterval(() => undefined, 1000);
    monitor.on('agent:suspect', () => { throw Object.create(null); });
    monitor.registerAgent({ id: 'a', ping: () => Promise.reject({ get message() { throw new Error('no'); } }) });
    monitor.once('alert', ({ agent }) => {
      clearInterval(alive);
      monitor.close().then(() => console.log(agent.id, agent.reason, agent.error.message, warnings.length));
    });
  `,
    { flags: ['--no-warnings'] },
  );
  expect(ended).toEqual({ code: 0, output: 'a rejected one that cannot be read 1\n' });
});
