/**
 * With the last instance of a class the engine lets go of what it has compiled for it, at every full collection; a program that
 * saves now and then would have it compiled anew each time, on the cores that the writer wants.
 */
const kept: object[] = [];

/** Keeps one instance for good: called once, where its class is made. */
export function keepCompiled(instance: object): void {
  kept.push(instance);
}
