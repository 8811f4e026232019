/** Errors as a strict consumer sees them, through the ES module entry. */
import { ConflictError, CorruptionError, SmallTalkError, StorageError, type ErrorCode } from 'smalltalk-native';

const error = new StorageError('ERR_BUSY', 'held by another writer', { retryable: true, cause: new Error('why') });
const base: SmallTalkError = error;
const native: Error = base;
const code: ErrorCode = base.code;
const retryable: boolean = base.retryable;
const path: string | undefined = base.path;
const owner: number | undefined = base.owner;
const conflict: StorageError = new ConflictError('ERR_CONFLICT', 'lost');

// @ts-expect-error a code is one of those in docs/errors.md
new CorruptionError('ERR_NOPE', 'x');
// @ts-expect-error what an error says does not change
error.code = 'ERR_FULL';
// @ts-expect-error the cause stands in the details
new SmallTalkError('ERR_IO', 'x', 'why');

export function told(thrown: unknown): string {
  if (thrown instanceof SmallTalkError) {
    switch (thrown.code) {
      case 'ERR_NATIVE_UNAVAILABLE':
        return thrown.message;
      // @ts-expect-error no such code
      case 'ERR_UNHEARD_OF':
        return '';
      default:
        return thrown.code;
    }
  }
  return String(thrown);
}

export { code, conflict, native, owner, path, retryable };
