/** Properties that a value has beside its contents, each named for the path of the refusal. */
import { types } from 'node:util';

/** Typed arrays up to this length are searched for properties that are no elements; the indices of others are too many. */
const LISTED_INDICES = 4096;

/** A property named by a symbol. */
export function straySymbol(value: object): string | undefined {
  const symbols = Object.getOwnPropertySymbols(value);
  return symbols.length === 0 ? undefined : String(symbols[0]);
}

/** A property of a built-in object that has `natural` of them by itself. */
export function strayName(value: object, natural: number): string | undefined {
  if (natural > LISTED_INDICES) return undefined;
  const names = Object.getOwnPropertyNames(value);
  if (names.length <= natural) return undefined;
  // The dates of fake timers have one, to look like the real ones.
  return types.isDate(value) ? names.find((name) => name !== 'constructor') : names.at(-1);
}

/**
 * Whether an array with these enumerable names has every element and nothing else among them. Their number is not enough:
 * where a hole is, there may be a name in its stead. Names come after indices, so the last of them tells.
 */
export function isDense(value: readonly unknown[], names: readonly string[] = Object.keys(value)): boolean {
  return names.length === value.length && (names.length === 0 || names[names.length - 1] === String(names.length - 1));
}

/** A property of an array that is no element: holes are fine, names are not. */
export function strayOfArray(value: readonly unknown[]): string | undefined {
  return Object.getOwnPropertyNames(value).find((key) => key !== 'length' && !isIndex(key, value.length));
}

function isIndex(key: string, length: number): boolean {
  const index = Number(key);
  return Number.isInteger(index) && index >= 0 && String(index) === key && index < length;
}
