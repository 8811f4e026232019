/** The files of the event log, written and read by what `docs/event-log.md` says of them and nothing else. */
import { createHash } from 'node:crypto';

const TABLE = Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? (rest >>> 1) ^ 0x82f6_3b78 : rest >>> 1;
  return rest;
});

/** CRC-32C, as 8 lower-case hexadecimal digits. */
export function checksum(text: string): string {
  let crc = -1;
  for (const byte of Buffer.from(text)) crc = (TABLE[(crc ^ byte) & 255] as number) ^ (crc >>> 8);
  return (~crc >>> 0).toString(16).padStart(8, '0');
}

/** A line, newline included, of an event or of its JSON. */
export function lineOf(event: object | string): string {
  const text = typeof event === 'string' ? event : JSON.stringify(event);
  const covered = text.replace(/\}$/, '');
  return `${covered},"crc":"${checksum(covered)}"}\n`;
}

/** The event of a line without its newline; null where its checksum does not hold. */
export function eventOf(line: string): unknown {
  const [, covered = '', crc] = /^(.*),"crc":"([0-9a-f]{8})"\}$/s.exec(line) ?? [];
  return crc === checksum(covered) ? JSON.parse(`${covered}}`) : null;
}

const DEVICES = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])$/;

/** How files of a session begin. */
export function stemOf(id: string): string {
  const escapes = Array.from(Buffer.from(id), (byte, at) => {
    const character = String.fromCharCode(byte);
    const isPlain = /[a-z0-9_-]/.test(character) && !(at === 0 && (character === '-' || DEVICES.test(id)));
    return isPlain ? character : `%${byte.toString(16).padStart(2, '0')}`;
  });
  if (escapes.join('').length <= 186) return escapes.join('');
  let stem = '';
  for (const part of escapes) {
    if (stem.length + part.length > 120) break;
    stem += part;
  }
  return `${stem}%~${createHash('sha256').update(id).digest('hex')}`;
}
