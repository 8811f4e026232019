/**
 * Node from 24 on counts, in a list of listeners, how many emits are calling it, and copies it before it changes meanwhile:
 * whoever removes listeners in the middle of an emit can tell. An emit that does not go through Node has to count as well.
 */
import { EventEmitter } from 'node:events';

import type { AnyListener } from './types.js';

/** A list of listeners that counts; the member has a symbol for its name. */
export type Marks = Record<symbol, number>;

function findMark(): symbol | undefined {
  const emitter = new EventEmitter();
  emitter.on('event', () => undefined).on('event', () => undefined);
  const { _events: lists } = emitter as unknown as { _events?: Record<string, Marks> };
  const list = lists?.['event'];
  return Object.getOwnPropertySymbols(list ?? {}).find((symbol) => list?.[symbol] === 0);
}

const found = findMark();

/** Node's name for the member; meaningless where it has none. */
export const MARK: symbol = found ?? Symbol('no mark');

/** What has to be counted up while these listeners are called; null where nobody counts. */
export function marksOf(list: AnyListener | readonly AnyListener[]): Marks | null {
  return found === undefined || typeof list === 'function' ? null : (list as unknown as Marks);
}
