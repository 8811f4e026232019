/** Holds the loop for so long, in milliseconds. */
export function awake(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}
