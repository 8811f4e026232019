/** Options of the contract suite that would leave out the tests which they were to add: what is left would pass. */
import { FileStorageAdapter, InMemoryStorageAdapter, type StorageAdapter } from '../ts/index.js';
import { testStorageAdapterContract, type StorageContractOptions } from '../ts/testing/index.js';
import { failuresOf, registered } from './support/mini-runner.js';
import { temporaryDirectory } from './support/temporary.js';

const { capabilities } = new InMemoryStorageAdapter();

/** The titles of what is registered with these options. */
const titles = (options?: unknown): string[] =>
  registered(() =>
    testStorageAdapterContract(
      'options',
      () => new InMemoryStorageAdapter(),
      undefined,
      options as StorageContractOptions,
    ),
  ).tests.map(({ title }) => title);

test.each<[string, unknown, RegExp]>([
  ['misspelt', { Strict: true }, /^options has no member "Strict"; it can have reopen, supports, strict, timeoutMs$/],
  ['misspelt, beside one that is not', { strict: true, support: capabilities }, /^options has no member "support"/],
  ['a Set of capabilities', { supports: new Set(capabilities) }, /^supports must be an array of strings$/],
  ['one capability that is in no list', { supports: 'prune' }, /^supports must be an array of strings$/],
  ['methods in place of their names', { supports: [() => undefined] }, /^supports must be an array of strings$/],
  ['capabilities by name', { supports: { prune: true } }, /^supports must be an array of strings$/],
  ['a text for a flag', { strict: 'yes' }, /^strict must be a boolean$/],
  ['a number for a flag', { strict: 1 }, /^strict must be a boolean$/],
  ['a text for a time', { timeoutMs: '90s' }, /^timeoutMs must be a number$/],
  ['a place in place of a function', { reopen: './store.json' }, /^reopen must be a function$/],
  ['a list of capabilities in place of options', capabilities, /^options must be an object of options/],
  ['null', null, /^options must be an object$/],
])('it is a TypeError before anything is registered: %s', (_what, options, message) => {
  expect(() => titles(options)).toThrow(TypeError);
  expect(() => titles(options)).toThrow(message);
});

test('none, or undefined ones, are the tests for everybody', () => {
  expect(titles()).toHaveLength(18);
  const none = { reopen: undefined, supports: undefined, strict: undefined, timeoutMs: undefined };
  for (const options of [undefined, {}, none, { supports: [], strict: false }])
    expect(titles(options)).toEqual(titles());
});

test('options of a class are heard, and its reopen() is called as a method of it', async () => {
  let directory = '';
  class Options {
    get supports(): readonly string[] {
      return ['keys'];
    }
    open(): StorageAdapter {
      return new FileStorageAdapter({ path: directory, durability: 'process' });
    }
    reopen(): StorageAdapter {
      return this.open();
    }
  }
  const create = (): StorageAdapter => {
    directory = temporaryDirectory();
    return new Options().open();
  };
  const suite = (): void => testStorageAdapterContract('class', create, undefined, new Options());
  expect(registered(suite).tests.map(({ title }) => title)).toContain('should give only keys that begin as asked for');
  expect(await failuresOf(suite, 'should survive a restart, unless it says that it does not')).toEqual([]);
});
