/** Trouble that a bus has on its own account: with its log, with a listener, with `redact`. */
import { shown } from '../shown.js';
import { whenTurned } from '../timers.js';
import type { BusCore } from './core.js';

/** Tells of trouble by an event; a listener that throws then is nobody's caller's fault. */
export function report(bus: BusCore, name: 'log:error' | 'log:overflow' | 'listener:error', ...args: unknown[]): void {
  try {
    if (!bus._dispatch(name, args)) warnOnce(name, args[0]);
  } catch (error) {
    // Not by `soon`: what throws there is a promise that was rejected.
    whenTurned(() => {
      throw error;
    });
  }
}

const warned = new Set<string>();

/** Trouble that nobody listens for is said once, in a warning. */
function warnOnce(name: string, detail: unknown): void {
  const key = `${name} ${codeOf(detail)}`;
  if (warned.has(key)) return;
  warned.add(key);
  const message = `nobody listens for ${name} on a SmallTalkEventBus, and it happened: ${shown(detail)}`;
  process.emitWarning(message, { type: 'SmallTalkWarning', code: 'SMALLTALK_BUS_TROUBLE' });
}

function codeOf(detail: unknown): string {
  try {
    return String((detail as { code?: unknown } | null)?.code);
  } catch {
    return 'unreadable';
  }
}
