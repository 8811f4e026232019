/** What strace has recorded, as changes of files and words of the journal, in their order. */

const LINE = /^(\d+) +([\d.]+) (.*)$/s;
const BEGUN = /^(\w+)\((.*)<unfinished \.\.\.>$/s;
const RESUMED = /^<\.\.\. (\w+) resumed>(.*)$/s;
const WHOLE = /^(\w+)\((.*)\) += (-?\d+)(.*)$/s;
const REST = /^(.*)\) += (-?\d+)(.*)$/s;

/** From one file to another, at the positions of both. */
const COPIES = new Set(['copy_file_range', 'sendfile']);
const SYNCS = new Set(['fsync', 'fdatasync']);

/**
 * Gives `{ at, call, words, answer }` for each call that succeeded, and each sync, where it ended. A write counts from where it began: it
 * may be on the disk before it has ended. `at` is in milliseconds.
 */
export function* callsIn(text) {
  const begun = new Map();
  for (const line of text.split('\n')) {
    const [, pid, seconds, told] = LINE.exec(line) ?? [];
    if (told === undefined) continue;
    const at = Number(seconds) * 1000;
    const unfinished = BEGUN.exec(told);
    if (unfinished !== null) {
      begun.set(pid, unfinished[2]);
      continue;
    }
    const resumed = RESUMED.exec(told);
    const parts = resumed === null ? WHOLE.exec(told) : restOf(resumed, begun.get(pid));
    if (parts === null) continue;
    const [, call, words, answer, more] = parts;
    if (Number(answer) >= 0 || SYNCS.has(call)) yield { at, call, words, answer: Number(answer), opened: more };
  }
}

function restOf([, call, rest], first = '') {
  const parts = REST.exec(rest);
  return parts === null ? null : [null, call, first + parts[1], parts[2], parts[3]];
}

const bytesOf = (hex) => Buffer.from(hex.replaceAll('\\x', ''), 'hex');
const textOf = (hex) => bytesOf(hex).toString();

/** The strings in quotes, and the path behind a file descriptor. */
const strings = (words) => [...words.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex]) => hex);
const behind = (words) => textOf(/^\d+<((?:\\x[0-9a-f]{2})*)>/.exec(words)?.[1] ?? '');
/** The descriptors, with the paths behind them. */
const descriptors = (words) =>
  [...words.matchAll(/(\d+)<((?:\\x[0-9a-f]{2})*)>/g)].map(([, number, hex]) => ({ number, path: textOf(hex) }));
const numbers = (words) => words.split(', ').map(Number);

/** The position of a descriptor that appends. */
const AT_ITS_END = 'at its end';

/** How long files are: whoever appends begins there. */
class Lengths {
  #lengths = new Map();

  of(path) {
    return this.#lengths.get(path) ?? 0;
  }

  take({ type, path, to, offset, data, size }) {
    if (type === 'truncate') this.#lengths.set(path, size);
    else if (type === 'write') this.#atLeast(path, offset + data.length);
    else if (type === 'copy') this.#atLeast(path, offset + size);
    else if (type === 'extend') this.#atLeast(path, size);
    else if (type === 'link' || type === 'rename') this.#lengths.set(to, this.of(path));
    if (type === 'unlink' || type === 'rename') this.#lengths.delete(path);
  }

  #atLeast(path, length) {
    this.#lengths.set(path, Math.max(this.of(path), length));
  }
}

/** Gives the changes below `directory` and the lines of the journal: `{ type, at, … }`. */
export function eventsOf(text, directory) {
  const events = [];
  const positions = new Map();
  const lengths = new Lengths();
  const inside = (path) => path === directory || path.startsWith(`${directory}/`);
  const put = (type, at, more) => {
    const event = { type, at, ...more };
    lengths.take(event);
    events.push(event);
  };
  for (const { at, call, words, answer, opened } of callsIn(text)) {
    const path = behind(words);
    const named = strings(words).map(textOf);
    if (call === 'writev') {
      const said = strings(words).map(textOf).join('');
      if (/^(?:begin|done|fail|read) /.test(said))
        for (const line of said.trim().split('\n')) put('said', at, { line });
    } else if (call === 'openat' || call === 'open') {
      const file = textOf(/^<((?:\\x[0-9a-f]{2})*)>/.exec(opened)?.[1] ?? '');
      if (!inside(file)) continue;
      positions.set(`${answer} ${file}`, words.includes('O_APPEND') ? AT_ITS_END : 0);
      if (words.includes('O_CREAT')) put('create', at, { path: file });
      if (words.includes('O_TRUNC')) put('truncate', at, { path: file, size: 0 });
    } else if (call === 'write' && inside(path)) {
      const key = `${Number.parseInt(words, 10)} ${path}`;
      const position = positions.get(key) ?? 0;
      const offset = position === AT_ITS_END ? lengths.of(path) : position;
      if (position !== AT_ITS_END) positions.set(key, offset + answer);
      put('write', at, { path, offset, data: bytesOf(strings(words)[0] ?? '').subarray(0, answer) });
    } else if (COPIES.has(call)) {
      const [to, from] = call === 'sendfile' ? descriptors(words) : descriptors(words).reverse();
      if (!inside(to.path)) continue;
      const [start, offset] = [from, to].map(({ number, path: name }) => {
        const before = positions.get(`${number} ${name}`) ?? 0;
        positions.set(`${number} ${name}`, before + answer);
        return before;
      });
      put('copy', at, { path: to.path, from: from.path, start, offset, size: answer });
    } else if (call === 'pwrite64' && inside(path)) {
      const offset = numbers(words).at(-1);
      put('write', at, { path, offset, data: bytesOf(strings(words)[0] ?? '').subarray(0, answer) });
    } else if (SYNCS.has(call) && inside(path)) put(answer < 0 ? 'failed' : 'sync', at, { path });
    else if (call === 'ftruncate' && inside(path)) put('truncate', at, { path, size: numbers(words).at(-1) });
    else if (call === 'fallocate' && inside(path)) put('extend', at, { path, size: numbers(words).at(-1) });
    else if (call.startsWith('rename') && inside(named[0])) put('rename', at, { path: named[0], to: named[1] });
    else if (call.startsWith('link') && inside(named[0])) put('link', at, { path: named[0], to: named[1] });
    else if (call.startsWith('symlink') && inside(named[1])) put('symlink', at, { path: named[1], target: named[0] });
    else if (call.startsWith('unlink') && inside(named[0])) put('unlink', at, { path: named[0] });
    else if (call === 'mkdir' && inside(named[0])) put('mkdir', at, { path: named[0] });
  }
  return events;
}
