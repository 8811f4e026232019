/**
 * What this thread is running synchronously right now, in memory that the thread which watches event loops can read while
 * this one is frozen: a word that names a label, and the labels. While nobody watches, nobody writes.
 */
import { TextEncoder } from 'node:util';

import { monotonic, setTimeout, soon } from './timers.js';

/** Bytes of a label, ended by a zero; the binary knows it too. */
const LABEL_BYTES = 256;
/** The low bits of a word: which listener of its label. */
const LISTENERS = 64;
/** No label; the second, which is never given back, says nothing. */
const UNNAMED = 1;
const LABELS = 1024;
/** So many are left to `named`, which holds one only while it runs. */
const SPARED = 32;
/** Milliseconds between two times that all are asked for: who listens is looked up anew then, which takes as long as many emits. */
const RECALLED_EVERY = 100;

/** Names what runs. All members are optional: a dispatch that nobody could name is one all the same. */
export interface Label {
  agentId?: unknown;
  event?: string;
  /** The names of the functions that may be called, in order. */
  listeners?: readonly string[];
}

/** Something whose calls are to be made anew when the watch begins or ends. */
interface Caller {
  version: number;
  /** Gives back all words; whoever is called next takes one. */
  letGo(): void;
}

/** The word of what runs now, 0 for nothing. To the engine a constant: a store into it costs next to nothing. */
export const running: Int32Array = new Int32Array(new ArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

let labels: Uint8Array | null = null;
/** Labels that are free, longest unused first: a word that is still about may outlive its label for a while. */
let free: number[] = [];
let nextFree = 0;
/** Labels that were given back while something ran, which may be what they name: free when nothing runs any more. */
let aside: number[] = [];
let watchers = 0;
let nextRecall = 0;
let recalling = false;

const encoder = new TextEncoder();
const callers = new Set<WeakRef<Caller>>();
const forgotten = new FinalizationRegistry<WeakRef<Caller>>((caller) => callers.delete(caller));

/** Whether somebody wants to know what runs. */
export function watching(): boolean {
  return watchers > 0;
}

/** Begins a watch, and gives the memory of the labels. Ended by `endWatch`. */
export function beginWatch(): Uint8Array {
  if (labels === null) {
    labels = new Uint8Array(new ArrayBuffer(LABELS * LABEL_BYTES));
    free = Array.from({ length: LABELS - UNNAMED - 1 }, (_, index) => index + UNNAMED + 1);
    write(UNNAMED, {});
  }
  watchers += 1;
  if (watchers === 1) renew();
  return labels;
}

/** Ends a watch. */
export function endWatch(): void {
  watchers -= 1;
  if (watchers === 0) renew();
}

/** A caller, held weakly, whose `version` grows when it has to look anew at whether somebody watches. */
export function joinCallers(caller: Caller): void {
  const reference = new WeakRef(caller);
  callers.add(reference);
  forgotten.register(caller, reference);
}

/** How many labels are free. */
function left(): number {
  if (aside.length > 0 && running[0] === 0) {
    free.push(...aside);
    aside = [];
  }
  return free.length - nextFree;
}

/** The word for a label; plus the place of a listener, it is what to write into `running`. To be given back. */
function takeWord(label: Label, spared: number): number {
  if (left() <= spared) return UNNAMED * LISTENERS;
  const index = free[nextFree++] as number;
  // What was taken is cut off now and then.
  if (nextFree === LABELS) {
    free = free.slice(nextFree);
    nextFree = 0;
  }
  write(index, label);
  return index * LISTENERS;
}

/** Gives a word back, to a list of labels. */
function giveBack(word: number, list: number[]): void {
  if (word >= (UNNAMED + 1) * LISTENERS) list.push(word / LISTENERS);
}

/** Gives a word back that may be about: of what runs now, or of what called that. */
function giveBackLater(word: number): void {
  // Many short runs could keep all of them, each taking one within another.
  if (running[0] !== 0 && aside.length === 0) soon(() => void left());
  giveBack(word, running[0] === 0 ? free : aside);
}

/** Has all callers give their words back: at once, or as soon as nothing runs and it is not too often. */
function recall(): void {
  if (running[0] === 0 && monotonic() >= nextRecall) {
    recallNow();
  } else if (!recalling) {
    // Not in the call that takes a word: it may be ended.
    soon(() => setTimeout(recallNow, Math.max(0, nextRecall - monotonic())).unref());
    recalling = true;
  }
}

function recallNow(): void {
  recalling = false;
  nextRecall = monotonic() + RECALLED_EVERY;
  for (const caller of callers) caller.deref()?.letGo();
}

/** The word for the listener at this place: those that are too many have no name. */
export function wordAt(word: number, place: number): number {
  return word + Math.min(place, LISTENERS - 1);
}

/** The words that the targets of one bus have taken: they are given back when it is collected. */
export class Words {
  readonly #taken = new Set<number>();

  constructor(bus: object) {
    collected.register(bus, this.#taken);
  }

  take(label: Label): number {
    if (left() <= SPARED) recall();
    const word = takeWord(label, SPARED);
    this.#taken.add(word);
    return word;
  }

  giveBack(word: number): void {
    if (this.#taken.delete(word)) giveBackLater(word);
  }
}

const collected = new FinalizationRegistry<Set<number>>((taken) => taken.forEach(giveBackLater));

/** Says, while `work` runs, that it does; gives it its word, or 0 while nobody watches. */
export function named<T>(label: Label, work: (word: number) => T): T {
  if (watchers === 0) return work(0);
  const word = takeWord(label, 0);
  const before = running[0] as number;
  running[0] = word;
  try {
    return work(word);
  } finally {
    running[0] = before;
    // It has ended, whatever else still runs.
    giveBack(word, free);
  }
}

function renew(): void {
  for (const caller of callers) {
    const known = caller.deref();
    if (known !== undefined) known.version += 1;
  }
}

/** Writes a label, or as much of it as there is room for. */
function write(index: number, { agentId, event, listeners = [] }: Label): void {
  const agent = typeof agentId === 'string' ? { agentId } : {};
  const short = { ...agent, ...(event !== undefined && { event: event.slice(0, 64) }) };
  const full = { ...agent, event, listeners: listeners.slice(0, LISTENERS - 1) };
  const place = (labels as Uint8Array).subarray(index * LABEL_BYTES, (index + 1) * LABEL_BYTES);
  for (const label of [full, { ...short, listeners: listeners.slice(0, 1) }, short, {}]) {
    // Names may have half of a character, of their own or since they were cut: the watch reads no such escape.
    const text = JSON.stringify(label, wellFormed);
    const { read, written } = encoder.encodeInto(text, place.subarray(0, LABEL_BYTES - 1));
    if (read < text.length) continue;
    place[written] = 0;
    return;
  }
}

function wellFormed(_: string, value: unknown): unknown {
  return typeof value === 'string' ? value.toWellFormed() : value;
}
