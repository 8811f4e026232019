/**
 * Plays a real conversation of three agents in a process of its own, kills that process with SIGKILL while it writes, and
 * has a second one carry on. Ends with 0 only if nothing that was acknowledged is lost.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { Ledger } from './ledger.mjs';
import { bold, dim, green, heading, red, say, table } from './screen.mjs';
import { transcript } from './transcript.mjs';

const CONVERSATION = fileURLToPath(new URL('./conversation.mjs', import.meta.url));
/** The kill falls in the turn after this one, once so many pieces of it are acknowledged. */
const LAST_WHOLE_TURN = 11;
const PIECES_BEFORE_KILL = 25;
/** A kill that fell between two writes proves little: then it is done again from the start. */
const TRIES = 5;

const started = performance.now();
const total = transcript().length;

say(bold('smalltalk-native: a conversation that survives its process'));
say(dim(`a real transcript of ${total} messages · bus, session store, event log and health monitor`));

const directory = mkdtempSync(join(tmpdir(), 'smalltalk-demo-'));
try {
  process.exitCode = (await demo()) ? 0 : 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function demo() {
  const first = await killedInTheMiddle();
  const second = await live(first.directory, JSON.stringify(first.ledger));
  const { lost = null, restored, replayed } = second.news;
  const acknowledged = first.ledger.done;
  const inFlight = first.ledger.inFlight();
  const isKept = (kind) => lost?.[kind].length === 0;

  heading('What happened');
  table([
    ['acknowledged before the kill: messages', acknowledged.message.size, isKept('message')],
    ['acknowledged before the kill: drafts', acknowledged.draft.size, isKept('draft')],
    ['acknowledged before the kill: critical events', acknowledged.event.size, isKept('event')],
    ['writes in flight when SIGKILL came', inFlight.length, inFlight.length > 0],
    ['messages restored, dates as dates', restored, restored >= acknowledged.message.size],
    ['critical events replayed from the log', replayed, replayed >= acknowledged.event.size],
    [
      'messages at the end, equal to the transcript',
      `${second.news.finished} of ${total}`,
      second.news.finished === total,
    ],
    ['agents at the end', Object.values(second.news.health ?? {}).join(', '), second.code === 0],
    ['time', `${((performance.now() - started) / 1000).toFixed(1)} s`],
  ]);
  const good =
    second.code === 0 &&
    inFlight.length > 0 &&
    second.news.finished === total &&
    Object.keys(acknowledged).every(isKept);
  say(good ? green('\nNothing acknowledged was lost.') : red('\nSomething that was acknowledged is LOST.'));
  return good;
}

/** Lives until the kill, anew where the kill fell between two writes. */
async function killedInTheMiddle() {
  for (let attempt = 1; ; attempt += 1) {
    const place = join(directory, `life-${attempt}`);
    heading(attempt === 1 ? 'A first process plays the conversation' : 'Once more: the kill fell between two writes');
    const life = await live(place, undefined, ({ ledger, news }) => {
      const streaming = [...ledger.done.draft].filter((key) => key.startsWith(`turn-${LAST_WHOLE_TURN + 1}:`));
      return news.turn === LAST_WHOLE_TURN && streaming.length >= PIECES_BEFORE_KILL;
    });
    if (life.signal !== 'SIGKILL')
      throw new Error(`the conversation ended by itself, with ${life.code ?? life.signal}`);
    // It went on until the signal came: what it had begun by then is in its notes.
    say(red(`       ✂ SIGKILL, in flight: ${life.ledger.inFlight().join(', ') || 'nothing'}`));
    if (life.ledger.inFlight().length > 0 || attempt === TRIES) return { ...life, directory: place };
  }
}

/** Runs one process of the conversation to its end, or until `enough` says that it is time to kill it. */
async function live(place, inherited, enough = () => false) {
  const words = inherited === undefined ? [CONVERSATION, place] : [CONVERSATION, place, inherited];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
  const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  const life = { ledger: new Ledger(), news: {} };
  for await (const line of createInterface({ input: child.stdio[3] })) {
    const note = JSON.parse(line);
    if ('begin' in note || 'done' in note) life.ledger.record(note);
    else Object.assign(life.news, note);
    if (enough(life)) child.kill('SIGKILL');
  }
  return { ...life, ...(await ended) };
}
