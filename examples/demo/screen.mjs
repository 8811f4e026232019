/** What a person sees: colours on a terminal only, and never a line too long. */
const colour = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
const paint = (code) => (text) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);

export const bold = paint('1');
export const dim = paint('2');
export const red = paint('31');
export const green = paint('32');
export const yellow = paint('33');
export const cyan = paint('36');

const SPEAKER_COLOURS = { user: cyan, assistant: green, tool: yellow };
const WIDTH = Math.min(process.stdout.columns ?? 100, 110);

export function say(text = '') {
  process.stdout.write(`${text}\n`);
}

export function heading(text) {
  say(`\n${bold(text)}`);
}

/** One turn: who, and how it begins. */
export function turn(number, total, { agentName, content }, note) {
  const place = `${String(number).padStart(3)}/${total}`;
  const who = agentName.padEnd(9);
  const room = WIDTH - place.length - who.length - note.length - 8;
  const text = content.replace(/\s+/g, ' ').trim();
  const begin = text.length > room ? `${text.slice(0, room - 1)}…` : text.padEnd(room);
  say(`${dim(place)}  ${SPEAKER_COLOURS[agentName](who)}  ${begin}  ${dim(note)}`);
}

/** Rows of two cells and a verdict. */
export function table(rows) {
  const widths = [0, 1].map((cell) => Math.max(...rows.map((row) => String(row[cell]).length)));
  for (const [what, value, good] of rows) {
    const verdict = good === undefined ? '' : good ? green('✓') : red('✗');
    say(`  ${String(what).padEnd(widths[0])}  ${bold(String(value).padEnd(widths[1]))}  ${verdict}`);
  }
}
