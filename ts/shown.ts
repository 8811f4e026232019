import { inspect } from 'node:util';

/** What was thrown, as text. It may be anything, and to tell of it must not fail. */
export function shown(thrown: unknown, part: 'message' | 'stack' = 'message'): string {
  try {
    return thrown instanceof Error
      ? String(thrown[part] ?? thrown.message)
      : inspect(thrown, { breakLength: Infinity });
  } catch {
    return 'something that cannot be shown';
  }
}
