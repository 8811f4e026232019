/**
 * An agent freezes, twice.
 *
 * First in a worker thread: an endless loop. The main thread learns of it while it lasts, and who did it; it ends the worker,
 * starts another one, which restores the session from storage, hands it what it missed, and the conversation ends.
 *
 * Then in the main thread of another process, which is killed while it is frozen: this one finds in the log what froze it.
 *
 * Ends with 0 only if all of that came about.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

import { openSmallTalk } from 'smalltalk-native';

const SESSION = 'bedtime';
const TURNS = ['Tell me a story.', 'With a dragon?', 'How many heads?', 'And its name?', 'Good night.'];
/** The writer enters an endless loop over this one. */
const FATAL = 2;

const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const began = performance.now();
const say = (text) => console.log(`${((performance.now() - began) / 1_000).toFixed(2).padStart(6)} s  ${text}`);
const named = ({ agentId, event, listener }) => `agent ${agentId}, event ${event}, listener ${listener}`;

const directory = mkdtempSync(join(tmpdir(), 'smalltalk-frozen-'));
try {
  const checks = { ...(await inAWorker(join(directory, 'a'))), ...(await inTheMainThread(join(directory, 'b'))) };
  console.log('');
  for (const [what, holds] of Object.entries(checks)) console.log(`${holds ? '✓' : '✗'} ${what}`);
  process.exitCode = Object.values(checks).every(Boolean) ? 0 : 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function inAWorker(place) {
  const { bus, storage, health, close } = await openSmallTalk({
    directory: place,
    bus: { sessionId: SESSION },
    health: { heartbeatInterval: 300, loopThreshold: 500 },
  });
  const answers = new Map();
  const restored = [];
  const pongs = [];
  let finished = () => undefined;
  const end = new Promise((resolve) => (finished = resolve));

  const start = (fatal) => {
    // What the one before was asked, nobody answers any more.
    pongs.length = 0;
    const worker = new Worker(here('./writer.mjs'), { workerData: { directory: place, session: SESSION, fatal } });
    worker.on('message', ({ turn, text, messages, pong }) => {
      if (pong) pongs.shift()?.();
      if (messages !== undefined) restored.push(messages);
      if (text === undefined) return;
      say(`writer: ${text}`);
      if (worker === writer.worker) health.recordActivity('writer', 'an answer');
      answers.set(turn, text);
      if (answers.size === TURNS.length) finished();
    });
    return worker;
  };
  const writer = {
    id: 'writer',
    worker: null,
    ping: () => {
      writer.worker.postMessage({ ping: true });
      return new Promise((resolve) => pongs.push(resolve));
    },
  };
  writer.worker = start(FATAL);
  await once(writer.worker, 'message');

  let frozen = null;
  const missed = [];
  health.on('loop:frozen', (news) => {
    frozen = news;
    say(`${news.loop} has been frozen for ${news.frozenFor} ms: ${named(news.holder)}`);
  });
  health.on('agent:disconnected', ({ reason }) => say(`the writer is disconnected: ${reason}`));
  health.on('agent:recovering', () => say('its worker is ended and started anew'));
  health.on('agent:recovered', ({ recoveries }) => say(`the writer is back after ${recoveries} attempt`));
  health.on('agent:failed', () => finished());
  health.registerAgent(writer, {
    worker: writer.worker,
    spawn: () => (writer.worker = start(null)),
    sessions: [SESSION],
    onMissed: ({ payload: [, , turn, text] }) => {
      say(`the writer gets what it missed: ${text}`);
      missed.push(turn);
      writer.worker.postMessage({ turn, text });
    },
  });

  for (const [turn, text] of TURNS.entries()) {
    say(`user:   ${text}`);
    // It is in the log before the writer hears of it, whatever becomes of that.
    await bus.emitDurable('agent_handoff', 'user', 'writer', turn, text);
    writer.worker.postMessage({ turn, text });
    if (turn < FATAL) while (!answers.has(turn)) await once(writer.worker, 'message');
  }
  await end;
  const stored = await storage.getSession(SESSION);
  const worker = writer.worker;
  health.unregisterAgent('writer');
  await worker.terminate();
  await close();
  return {
    'the main thread learned which agent, event and listener froze the worker':
      frozen?.holder?.agentId === 'writer' && frozen.holder.event === 'turn' && frozen.holder.listener === 'answer',
    'the new worker restored the session from storage': restored.at(-1) === 2 * FATAL,
    'it got exactly what it missed, in order':
      missed.join() ===
      TURNS.map((_, turn) => turn)
        .slice(FATAL)
        .join(),
    'the conversation ended, and all of it is stored': stored?.messages.length === 2 * TURNS.length,
  };
}

async function inTheMainThread(place) {
  console.log('');
  const child = spawn(process.execPath, [here('./doomed.mjs'), place], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) {
    say(`another process: ${line}`);
    if (line.includes('frozen')) break;
  }
  child.kill('SIGKILL');
  await once(child, 'close');
  say('it is killed');
  const { log, close } = await openSmallTalk({ directory: place });
  const found = [];
  for await (const event of log.replay('_system')) found.push(event);
  await close();
  for (const { topic, payload } of found) say(`the log of the next process: ${topic}, ${named(payload.holder)}`);
  const [{ topic, payload } = {}] = found;
  return {
    'the next process found in the log what had frozen the one before':
      found.length === 1 &&
      topic === 'loop_frozen' &&
      payload.pid === child.pid &&
      payload.holder.listener === 'ponder',
  };
}
