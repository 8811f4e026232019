/** JSON Pointers (RFC 6901): how a place in a value is named. */
import { compiled } from '../regular-expressions.js';

/** The pointer of a path. */
export function toPointer(path: readonly (string | number)[]): string {
  let pointer = '';
  for (const step of path) pointer += typeof step === 'number' ? `/${step}` : `/${escaped(step)}`;
  return pointer;
}

const SPECIAL = compiled(/[~/]/);

const escaped = (step: string): string =>
  SPECIAL.test(step) ? step.replaceAll('~', '~0').replaceAll('/', '~1') : step;

/** The path of a pointer. */
export function fromPointer(pointer: string): string[] {
  if (pointer === '') return [];
  return pointer
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** Sets a member as data, also one that the prototype has, as `__proto__` or whatever it was given, frozen or not. */
export function setMember(target: object, key: string, value: unknown): void {
  if (key in target && !Object.hasOwn(target, key)) {
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    (target as Record<string, unknown>)[key] = value;
  }
}
