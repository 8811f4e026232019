import { types } from 'node:util';

/** Whether the engine threw this because the stack was full. */
export const isFullStack = (error: unknown): error is RangeError =>
  types.isNativeError(error) && error.name === 'RangeError' && error.message.includes('call stack');

/** So many words, of eight bytes each: what some twenty calls take. */
const ROOM: readonly unknown[] = new Array<unknown>(384).fill(0);

const nothing = (): void => undefined;

/**
 * Throws a RangeError where the stack is nearly full, as it is where a recursion without end tells of itself: before anything
 * begins that must not end halfway. The engine looks whether so many arguments fit.
 */
export function needStack(): void {
  Reflect.apply(nothing, undefined, ROOM);
}
