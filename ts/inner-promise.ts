/** Promises that lead to the one that a user has. */

interface InnerPromise<T> {
  promise: Promise<T>;
  resolve(value: T | PromiseLike<T>): void;
  reject(error: unknown): void;
}

const ignore = (): void => undefined;

/**
 * A promise whose failure is told by one that somebody else has, and that alone. Whoever ends JavaScript anywhere, as a `vm` with
 * a timeout does it, ends the call that would have handed it on: then nobody has it, and nobody is to hear of it.
 */
export function innerPromise<T>(): InnerPromise<T> {
  let resolve!: InnerPromise<T>['resolve'];
  let reject!: InnerPromise<T>['reject'];
  const promise = new Promise<T>((settle, fail) => {
    resolve = settle;
    reject = fail;
  });
  promise.catch(ignore);
  return { promise, resolve, reject };
}
