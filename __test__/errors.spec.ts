import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import ts from 'typescript';

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

test('in a bundle whose classes were renamed they have their names, and pass for those of a copy that was not', () => {
  const source = readFileSync(join(__dirname, '..', 'ts', 'errors.ts'), 'utf8');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS },
  });
  // As a minifier does it: not where the name is a member, or the text of one.
  const renamed = outputText.replace(/(?<![.'\w])(\w+Error)\b(?!['\w])/g, (name) =>
    name === 'Error' ? name : `$${name}`,
  );
  expect(renamed).toContain('class $StorageError extends $SmallTalkError');
  const bundled = {} as typeof import('../ts/errors.js');
  new Function('exports', renamed)(bundled);
  const error = new bundled.StorageError('ERR_BUSY', 'busy');
  expect(String(error)).toBe('StorageError: busy');
  expect([error instanceof StorageError, error instanceof SmallTalkError]).toEqual([true, true]);
  expect([error instanceof ConflictError, new StorageError('ERR_IO', 'x') instanceof bundled.StorageError]).toEqual([
    false,
    true,
  ]);
});
