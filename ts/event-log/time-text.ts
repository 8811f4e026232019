/** The text of a time in milliseconds since the epoch. */

/** Times of which seconds and the rest are exact, and the rest has three digits: of 1970 to 2286. */
const FIRST = 1_000;
const END = 1e13;

let second = NaN;
let secondText = '';

/** What `String` makes of it. That takes ten times as long for each; events come one after another, many in a second. */
export function timeText(time: number): string {
  if (!(time >= FIRST && time < END && Number.isInteger(time))) return String(time);
  const now = Math.floor(time / 1000);
  if (now !== second) {
    secondText = String(now);
    second = now;
  }
  const rest = time - now * 1000;
  return `${secondText}${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}`;
}
