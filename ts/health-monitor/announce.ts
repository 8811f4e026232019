/** Telling listeners, none of whom can stop the monitor. */
import { shown } from '../shown.js';
import type { AgentState, HealthBus, HealthEvents } from './types.js';

/** The event that announces a state. */
export const EVENT_OF = {
  healthy: 'agent:recovered',
  busy: 'agent:recovered',
  suspect: 'agent:suspect',
  disconnected: 'agent:disconnected',
  recovering: 'agent:recovering',
  failed: 'agent:failed',
} as const satisfies Record<AgentState, keyof HealthEvents>;

const warned = new Set<string>();

/**
 * Emits on the bus, and then on the monitor: a listener there may end the process, and the log of the bus has it by then. What
 * a listener throws becomes `listener:error`; where nobody listens to that, a warning of the process, once for each event.
 */
export function announce<K extends keyof HealthEvents>(
  monitor: HealthBus,
  bus: HealthBus | undefined,
  event: K,
  ...args: HealthEvents[K]
): void {
  const emit = (target: HealthBus): void => {
    try {
      target.emit(event, ...args);
    } catch (error) {
      listenerThrew(monitor, error, event);
    }
  };
  if (bus !== undefined) emit(bus);
  emit(monitor);
}

function listenerThrew(monitor: HealthBus, error: unknown, event: string): void {
  try {
    if (monitor.emit('listener:error', error, event)) return;
  } catch {
    // The listener for errors of listeners throws too: the warning below has to do.
  }
  if (warned.has(event)) return;
  warned.add(event);
  const message = `a listener of the health event '${event}' threw: ${shown(error, 'stack')}`;
  process.emitWarning(message, { type: 'SmallTalkWarning' });
}
