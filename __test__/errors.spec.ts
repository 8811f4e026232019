import { ConflictError, SmallTalkError, StorageError } from '../ts/index.js';

test('errors are told apart by brand', () => {
  const error = new StorageError('ERR_BUSY', 'busy');
  expect(error).toBeInstanceOf(SmallTalkError);
  expect(error.name).toBe('StorageError');
  class Mine extends SmallTalkError {}
  expect(error instanceof Mine).toBe(false);
  expect(new Mine('ERR_IO', 'x') instanceof Mine).toBe(true);
});

test('a conflict tells the version that was to be stored, and the one that is', () => {
  const conflict = new ConflictError('ERR_CONFLICT', 'somebody was first', { expected: null, actual: 7 });
  expect(conflict).toBeInstanceOf(StorageError);
  expect(conflict).toMatchObject({ name: 'ConflictError', expected: null, actual: 7, retryable: true });
});
