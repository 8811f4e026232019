/** What was measured, as a Markdown table that is also readable on a terminal. */
import { OURS } from '../rivals.mjs';

const COLUMNS = ['work', 'candidate', 'time', 'least … most', 'loop held', 'ours ÷ theirs', 'goal'];

/** The rows of one line. `results` come from `measureLine`; unless they are to be judged, goals are only named. */
export function rowsOf(line, results, judged = true) {
  const { title, goals = {}, goal, holdGoal, show = 'duration', difference = false } = line;
  // What is left where the same without it was taken away may be nothing, or less: there is no ratio to that.
  const isSeen = (value) => !difference || value > 0;
  const shown = (value) => (isSeen(value) ? SHOWN[show](value) : 'below noise');
  const ours = results.find(({ candidate }) => candidate === OURS);
  return results.map(({ candidate, time, hold }, index) => {
    const isCompared = ours !== undefined && candidate !== OURS && isSeen(ours.time.median) && isSeen(time.median);
    const ratio = isCompared ? ours.time.median / time.median : null;
    return [
      index === 0 ? title : '',
      candidate,
      shown(time.median),
      `${shown(time.least)} … ${shown(time.most)}`,
      hold === null ? '' : duration(hold.median * 1e6),
      ratio === null ? '' : `${significant(ratio)} ×`,
      candidate === OURS
        ? goal === undefined
          ? verdict(holdGoal, hold?.median, 'ms held', judged)
          : verdict(goal, time.median, '', judged, shown)
        : verdict(goals[candidate], ratio, '×', judged),
    ];
  });
}

/** What a line counts: nanoseconds, or something that has no unit. */
const SHOWN = { duration, count: significant };

/** A goal that is missed says so as plainly as one that is met. */
function verdict(goal, value, unit, judged, shown = String) {
  if (goal === undefined || value === null || value === undefined) return '';
  const [name, limit] = goal;
  const said = value <= limit ? '✓ met' : '✗ missed';
  return `${name}: ≤ ${[shown(limit), unit].filter(Boolean).join(' ')}${judged ? ` ${said}` : ''}`;
}

/** Padded, so that it reads the same unrendered. */
export function table(rows, columns = COLUMNS) {
  const widths = columns.map((_, column) => Math.max(3, ...[columns, ...rows].map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  return [line(columns), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

/** Nanoseconds, in the unit that a person would choose. */
export function duration(ns) {
  if (ns < 1e3) return `${significant(ns)} ns`;
  if (ns < 1e6) return `${significant(ns / 1e3)} µs`;
  return ns < 1e9 ? `${significant(ns / 1e6)} ms` : `${significant(ns / 1e9)} s`;
}

/** Three digits: the machine is good for no more. */
function significant(value) {
  if (value >= 100) return value.toFixed(0);
  if (value >= 10) return value.toFixed(1);
  return value >= 1 ? value.toFixed(2) : value.toFixed(3);
}
