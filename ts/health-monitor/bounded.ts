import { setTimeout, clearTimeout } from 'node:timers';

import { HealthError } from '../errors.js';

/** What `work` comes to, or `ERR_TIMEOUT` after `ms`. What it comes to later is nobody's business any more. */
export async function bounded<T>(work: () => T | PromiseLike<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new HealthError('ERR_TIMEOUT', `${what} took longer than ${ms} ms`)), ms).unref();
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}
