import { SmallTalkError, StorageError } from '../ts/index.js';

test('errors are told apart by brand', () => {
  const error = new StorageError('ERR_BUSY', 'busy');
  expect(error).toBeInstanceOf(SmallTalkError);
  expect(error.name).toBe('StorageError');
  class Mine extends SmallTalkError {}
  expect(error instanceof Mine).toBe(false);
  expect(new Mine('ERR_IO', 'x') instanceof Mine).toBe(true);
});
