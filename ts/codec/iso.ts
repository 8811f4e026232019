/** Dates as ISO text and back: what stores keep of them. The engine takes several times as long for each. */
import { compiled } from '../regular-expressions.js';
import { timeOf, toIsoString } from './originals.js';

/** The ISO text of a Date, null where it is invalid. */
export function isoText(date: Date): string | null {
  const time = timeOf(date);
  return Number.isNaN(time) ? null : isoOf(time);
}

const DAY_MS = 86_400_000;
const TWO_DIGITS = Array.from({ length: 100 }, (_, number) => String(number).padStart(2, '0'));

/** Dates that follow each other are mostly of one day. */
let lastDay = NaN;
let lastDayText = '';

/** The ISO text of a time within those that Dates have. */
export function isoOf(time: number): string {
  const day = Math.floor(time / DAY_MS);
  if (day !== lastDay) {
    const whole = Reflect.apply(toIsoString, new Date(time), []);
    lastDayText = whole.slice(0, whole.indexOf('T') + 1);
    lastDay = day;
  }
  const rest = time - day * DAY_MS;
  const seconds = Math.floor(rest / 1000);
  const minutes = Math.floor(seconds / 60);
  const clock = `${digits(Math.floor(minutes / 60))}:${digits(minutes % 60)}:${digits(seconds % 60)}`;
  const milliseconds = rest % 1000;
  return `${lastDayText}${clock}.${Math.floor(milliseconds / 100)}${digits(milliseconds % 100)}Z`;
}

const digits = (number: number): string => TWO_DIGITS[number] as string;

/** The day of the last text that was read, with the `T` behind it, and when it begins. */
let readDay = '';
let readDayStart = NaN;

/** The Date whose ISO text this is; an invalid one for null. Of any other text it is what the engine makes of it. */
export function dateOf(text: string | null): Date {
  const time = isUsual(text) ? usualTime(text) : NaN;
  return Number.isNaN(time) ? new Date(text ?? NaN) : new Date(time);
}

const DAY = compiled(/^\d{4}-\d\d-\d\dT$/);

/** Whether it may be what `isoOf` writes of the years 0 to 9999. In a store that others have written there may be anything. */
const isUsual = (text: unknown): text is string =>
  typeof text === 'string' &&
  text.length === 24 &&
  text[13] === ':' &&
  text[16] === ':' &&
  text[19] === '.' &&
  text[23] === 'Z';

/** The time that it is; NaN where it is none. */
function usualTime(text: string): number {
  const day = text.slice(0, 11);
  if (day !== readDay) {
    // What looks otherwise the engine reads in ways of its own, in which the time may change the day.
    readDayStart = DAY.test(day) ? timeOf(new Date(`${day}00:00:00.000Z`)) : NaN;
    readDay = day;
  }
  const minutes = twoDigits(text, 11, 23) * 60 + twoDigits(text, 14, 59);
  const milliseconds = twoDigits(text, 20, 99) * 10 + (twoDigits(text, 21, 99) % 10);
  return readDayStart + (minutes * 60 + twoDigits(text, 17, 59)) * 1000 + milliseconds;
}

/** The number that two digits are; NaN where they are none, or more than `most`. */
function twoDigits(text: string, at: number, most: number): number {
  const tens = text.charCodeAt(at) - ZERO;
  const ones = text.charCodeAt(at + 1) - ZERO;
  const number = tens * 10 + ones;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 && number <= most ? number : NaN;
}

const ZERO = 48;
