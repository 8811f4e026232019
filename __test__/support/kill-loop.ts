/** Runs a child that writes, kills it while a write is in flight, and has what it acknowledged verified; again and again. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';

/** One life of the child. */
export interface Life {
  /** 0 for the first. A life in which no write was in flight at its end is not counted, and is lived again. */
  readonly round: number;
  /** What the child acknowledged in this life, in order. */
  readonly acknowledged: readonly string[];
  /** What it had begun and not acknowledged when it died. Never empty. */
  readonly inFlight: readonly string[];
  /** What was acknowledged in all lives so far, in order, this one included. */
  readonly everAcknowledged: readonly string[];
  /** What was begun in all lives so far, in order, this one included. */
  readonly everBegun: readonly string[];
}

export interface KillLoop {
  /** A JavaScript file that writes without end and journals with `journal.cjs`. */
  script: string;
  /** Its arguments; the round lets tokens differ between lives. */
  args(round: number): string[];
  /** How many kills count. */
  rounds: number;
  /** Most acknowledgements awaited before the kill; the number is drawn anew for each life, at least 1. */
  mostAcknowledgements?: number;
  /** Opens what the child left and throws where an acknowledged write is missing. Gives how many it found. */
  verify(life: Life): Promise<number>;
}

/** What a loop did, for the test to print. */
export interface KillReport {
  kills: number;
  checked: number;
  acknowledged: number;
}

interface Ended {
  begun: string[];
  acknowledged: string[];
}

/** The kill comes up to this long after the last awaited acknowledgement, so that it falls anywhere in a write. */
const LATEST_KILL_MS = 5;
/** Lives that ended between two writes, in a row, after which the child is taken to be at fault. */
const PATIENCE = 20;

/** Throws when an acknowledged write is missing, when the child ends by itself, or when it never has a write in flight. */
export async function killLoop(loop: KillLoop): Promise<KillReport> {
  const everAcknowledged: string[] = [];
  const everBegun: string[] = [];
  let checked = 0;
  let wasted = 0;
  for (let round = 0; round < loop.rounds;) {
    const { begun, acknowledged } = await liveAndDie(loop, round);
    everBegun.push(...begun);
    everAcknowledged.push(...acknowledged);
    const answered = new Set(acknowledged);
    const inFlight = begun.filter((token) => !answered.has(token));
    if (inFlight.length === 0) {
      wasted += 1;
      if (wasted > PATIENCE) throw new Error('the child never had a write in flight when it was killed');
      continue;
    }
    wasted = 0;
    checked += await loop.verify({ round, acknowledged, inFlight, everAcknowledged, everBegun });
    round += 1;
  }
  return { kills: loop.rounds, checked, acknowledged: everAcknowledged.length };
}

async function liveAndDie(loop: KillLoop, round: number): Promise<Ended> {
  const child = spawn(process.execPath, [loop.script, ...loop.args(round)], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<NodeJS.Signals | number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(signal ?? code));
  });
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (complaint += text));

  const begun: string[] = [];
  const acknowledged: string[] = [];
  const enough = 1 + Math.floor(Math.random() * (loop.mostAcknowledgements ?? 40));
  let killing: Promise<void> | undefined;
  // The journal is read to its end: the child may have acknowledged more before the signal reached it.
  for await (const line of createInterface({ input: child.stdio[3] as Readable })) {
    const space = line.indexOf(' ');
    const token = line.slice(space + 1);
    if (line.slice(0, space) === 'begin') begun.push(token);
    else acknowledged.push(token);
    if (acknowledged.length >= enough) {
      killing ??= wait(Math.random() * LATEST_KILL_MS).then(() => void child.kill('SIGKILL'));
    }
  }
  await killing;
  const how = await ended;
  if (how !== 'SIGKILL') throw new Error(`the child ended by itself (${String(how)}) in round ${round}:\n${complaint}`);
  return { begun, acknowledged };
}
