/** How much a test does: little with every change, much on demand, by an environment variable. */
export function effort(variable: `SMALLTALK_${string}`, usually: number): number {
  const given = Number(process.env[variable] ?? usually);
  if (!Number.isSafeInteger(given) || given < 1) throw new Error(`${variable} must be a whole number from 1 on`);
  return given;
}

/** Long enough for whatever was asked for: a test that hangs is told by what it waits for. */
export const LONG_MS = 30 * 60_000;
