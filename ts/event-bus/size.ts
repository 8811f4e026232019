/**
 * About how many bytes a value keeps in memory: good enough to bound a queue or a history by. No code of the program's
 * runs: it could throw, and emitting must not.
 */
import { types } from 'node:util';

import { bytesIn, listOf, textIn } from '../codec/originals.js';
import { KeptBuffers } from './kept-buffers.js';

/** So much is looked at, level by level: nothing that goes deep, or is large, hides what stands beside it. */
const BUDGET = 1_000;

/** What it takes to look at a member of an object, and not into it. */
const GLANCE = 1 / 4;

/** Members of an object that are looked at, however many objects there are, and as many of them are looked into. */
const FEW = 32;

/** No estimate is higher: sums of them stay exact. */
const MOST = 2 ** 40;

const WORD = 8;

/** What an error has beside its enumerable members. Not its stack: the engine writes that when it is asked for it. */
const OF_ERRORS = ['message', 'cause', 'errors'];

/** An object, and how many it stands for. */
interface Node {
  part: object;
  scale: number;
}

/** Estimates a value and all it refers to: an integer, one word at the least. Of a view it is what is seen by it. */
export function sizeOf(value: unknown): number {
  return estimate(value, null);
}

/** The same for what is kept by reference: a view, however small, keeps all of its buffer. */
export function keptAliveBy(value: unknown): number {
  return estimate(value, new KeptBuffers());
}

function estimate(value: unknown, buffers: KeptBuffers | null): number {
  if (!isObject(value)) return Math.min(MOST, plainSize(value));
  const seen = new Set<object>([value]);
  let budget = BUDGET;
  let bytes = 0;
  let level: Node[] = [{ part: value, scale: 1 }];
  while (level.length > 0) {
    const next: Node[] = [];
    const looked = Math.min(level.length, Math.ceil(Math.max(0, budget)));
    // Those that are not looked at are like those that are.
    const share = level.length / Math.max(1, looked);
    const most = Math.max(FEW, Math.floor(budget / level.length));
    for (let at = 0; at < looked; at += 1) {
      const { part, scale } = level[spread(at, looked, level.length)] as Node;
      const { own, glances } = look(part, scale * share, most, { seen, next, buffers });
      bytes += own * scale * share;
      budget -= 1 + glances * GLANCE;
    }
    if (looked === 0) bytes += level.reduce((sum, { scale }) => sum + 2 * WORD * scale, 0);
    level = looked === 0 ? [] : next;
  }
  return Math.min(MOST, Math.round(bytes + (buffers?.bytes ?? 0)));
}

/** What an object takes itself, with its members that are none. Those that are go to `next`. */
function look(
  part: object,
  scale: number,
  most: number,
  { seen, next, buffers }: { seen: Set<object>; next: Node[]; buffers: KeptBuffers | null },
): { own: number; glances: number } {
  if (types.isProxy(part)) return { own: 2 * WORD, glances: 0 };
  const bytes = bytesIn(part);
  if (bytes !== undefined) return { own: 4 * WORD + (buffers?.add(part, bytes, scale) ?? bytes), glances: 0 };
  const { members, length } = membersOf(part, most);
  const objects: object[] = [];
  let plain = 0;
  for (const member of members) {
    if (!isObject(member)) plain += plainSize(member);
    else if (!seen.has(member)) objects.push(member);
  }
  const missing = length / Math.max(1, members.length);
  // A few objects among much else are special, such as the link of a chain: nothing says that there are more of them.
  const alike = objects.length * 2 > members.length ? missing : 1;
  const some = Math.min(objects.length, FEW);
  for (let at = 0; at < some; at += 1) {
    const object = objects[spread(at, some, objects.length)] as object;
    seen.add(object);
    next.push({ part: object, scale: scale * alike * (objects.length / some) });
  }
  return { own: 2 * WORD + length * WORD + plain * missing, glances: members.length };
}

/** So many members of an object, spread evenly, which stand for all `length` of them. */
function membersOf(part: object, most: number): { members: unknown[]; length: number } {
  const members: unknown[] = [];
  if (types.isMap(part) || types.isSet(part)) {
    const { all, length } = listOf(part);
    for (const member of all) if (members.push(member) === most) break;
    return { members, length };
  }
  const keys = Array.isArray(part) ? null : Object.keys(part);
  const text = keys?.[0] === '0' ? textIn(part) : undefined;
  if (text !== undefined) return { members: [text], length: 1 };
  if (keys !== null && types.isNativeError(part)) keys.push(...OF_ERRORS);
  const length = keys === null ? (part as unknown[]).length : keys.length;
  const some = Math.min(length, most);
  for (let at = 0; at < some; at += 1) {
    const place = spread(at, some, length);
    const key = keys === null ? place : (keys[place] as string);
    members.push(Object.getOwnPropertyDescriptor(part, key)?.value);
  }
  return { members, length };
}

/** The place of the one `at` of `some` that are spread evenly over `all`. */
const spread = (at: number, some: number, all: number): number => Math.floor((at * all) / some);

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const plainSize = (value: unknown): number => (typeof value === 'string' ? 2 * WORD + value.length * 2 : WORD);
