/** What is waited for until a signal says that nobody wants it any more. */
import { StorageError } from '../../errors.js';
import { innerPromise } from '../../inner-promise.js';
import { crossing } from '../../native.js';
import { onAbort } from '../../signals.js';
import type { Begin } from './connection.js';

/**
 * Runs something by what `run` is given in the place of `begin`. It is rejected with the signal's reason: at once while it waits
 * for its turn, which it then does not take; and where the binary has it, once it has stopped.
 */
export function untilAborted<T>(
  signal: AbortSignal | undefined,
  begin: Begin,
  run: (begin: Begin) => Promise<T>,
): Promise<T> {
  if (signal === undefined) return run(begin);
  signal.throwIfAborted();
  const { promise, resolve, reject } = innerPromise<T>();
  let stop = (): void => reject(signal.reason);
  const hear = (): void => {
    try {
      stop();
    } catch (error) {
      reject(error);
    }
  };
  const settle = (end: () => void): void => {
    signal.removeEventListener('abort', hear);
    end();
  };
  const beginStoppable: Begin = (binary, handle, slot) => {
    // It has been rejected already.
    if (signal.aborted) throw new StorageError('ERR_CLOSED', 'nobody wants it any more');
    stop = () => crossing(StorageError, ({ storageStop }) => storageStop(handle, slot));
    begin(binary, handle, slot);
  };
  run(beginStoppable).then(
    (value) => settle(() => resolve(value)),
    (error: unknown) => settle(() => reject(signal.aborted ? signal.reason : error)),
  );
  // At last: whoever is ended before that, as by a `vm` with a timeout, has left nothing with the signal.
  onAbort(signal, hear);
  return promise;
}
