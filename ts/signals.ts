/** Signals by which a user ends what is under way. */
import { EventEmitter, getMaxListeners, setMaxListeners } from 'node:events';

/** So many may wait for one signal before Node warns, as it is for requests. */
const MANY = 1_500;

/** Whoever hears it is called once. One signal may be for all that a program does: who looks for leaks is not to take it for one. */
export function onAbort(signal: AbortSignal, hear: () => void): void {
  try {
    if (getMaxListeners(signal) === EventEmitter.defaultMaxListeners) setMaxListeners(MANY, signal);
  } catch {
    // It is of another realm, or its user has lifted the limit, of which Node 20 tells nothing: there is none to raise.
  }
  signal.addEventListener('abort', hear, { once: true });
}
