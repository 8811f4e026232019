/** The waits between attempts to bring an agent back. */
import type { ResolvedConfig } from './options.js';

/** Milliseconds to wait after so many attempts: none before the first, then growing, a part of it left to chance. */
export function backoffDelay(attempts: number, backoff: ResolvedConfig['backoff'], random = Math.random): number {
  if (attempts === 0) return 0;
  const full = Math.min(backoff.maxDelay, backoff.initialDelay * backoff.factor ** (attempts - 1));
  return Math.round(full * (1 - backoff.jitter * random()));
}
