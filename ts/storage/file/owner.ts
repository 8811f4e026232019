/**
 * Which process something belongs to, and whether that one may still be there. A process id alone does not say: ids are
 * used again, every program of a container is number 1, and to another container or machine they mean nothing.
 */
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

const SPACE = space();

/** `id-start-space`: the process id, when it began, and where ids mean the same as here. */
export const OWNER = `${process.pid}-${seen(process.pid).start}-${SPACE}`;

const PARTS = /^(\d+)-(\d*)-([0-9a-f]{8})(?:-|$)/;

/** What is known of a process. */
export type Life = 'alive' | 'gone' | 'unknown';

/** That of the owner, with anything behind another `-`. */
export function lifeOf(owner: string): Life {
  const [, id, start, where] = PARTS.exec(owner) ?? [];
  if (id === undefined || where !== SPACE) return 'unknown';
  if (!exists(Number(id))) return 'gone';
  const found = seen(Number(id));
  // The id may have been given to another one since.
  if (start === '' || found.start === '') return 'unknown';
  return start === found.start && !found.isOver ? 'alive' : 'gone';
}

/** Whether the owner may be alive; where that cannot be known, it may. */
export const mayBeAlive = (owner: string): boolean => lifeOf(owner) !== 'gone';

/** Whether there is such a process. One of another user's counts. */
function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * When a process began, in ticks since the machine did; `''` where the system does not tell. And whether it has ended, and is
 * there only until its parent asks how: not as long as a thread of it is left, which may be in the middle of a write.
 */
function seen(pid: number): { start: string; isOver: boolean } {
  const stat = told(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  // The name in parentheses may have anything in it. What follows begins with the third field.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, threads, start] = [0, 17, 19].map((at) => fields[at] ?? '') as [string, string, string];
  return { start, isOver: /^[ZXx]$/.test(state) && Number(threads) <= 1 };
}

/** One machine since it was started, and within it those who count processes together. */
function space(): string {
  const boot = told(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1'));
  const namespace = told(() => readlinkSync('/proc/self/ns/pid'));
  // The name tells machines apart where there is no more to know.
  const name = boot === '' ? hostname() : '';
  return createHash('sha256').update(`${boot}\0${namespace}\0${name}`).digest('hex').slice(0, 8);
}

function told(ask: () => string): string {
  try {
    return ask();
  } catch {
    return '';
  }
}
