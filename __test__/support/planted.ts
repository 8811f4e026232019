/** Bugs that are planted into an adapter that has none. */
import { InMemoryStorageAdapter, type StorageAdapter } from '../../ts/index.js';
import { testStorageAdapterContract, type StorageContractOptions } from '../../ts/testing/index.js';
import { failuresOf } from './mini-runner.js';
import { temporaryDirectory } from './temporary.js';

/** What an adapter does wrong: methods to put in the place of its own. */
export type Bug<A> = (adapter: A) => Partial<A>;

/** The adapter with some methods replaced. */
export function withBug<A extends object>(adapter: A, bug: Bug<A>): A {
  const changed = bug(adapter);
  return new Proxy(adapter, {
    get(target, name) {
      const member = (name in changed ? changed : target)[name as keyof A];
      return typeof member === 'function' ? (member as () => unknown).bind(target) : member;
    },
  });
}

/** The tests of the contract that an adapter in memory with such a bug fails. */
export function failuresInMemory(options: StorageContractOptions) {
  return (bug: Bug<InMemoryStorageAdapter>, only?: string): Promise<string[]> => {
    const create = (): InMemoryStorageAdapter => withBug(new InMemoryStorageAdapter(), bug);
    return failuresOf(() => testStorageAdapterContract('planted', create, undefined, options), only);
  };
}

/** The tests of the contract that an adapter which keeps what it has in a directory fails with such a bug. */
export function failuresOnDisk<A extends StorageAdapter>(
  make: (directory: string) => A,
  options: StorageContractOptions = {},
) {
  return (bug: Bug<A>, only?: string): Promise<string[]> => {
    let directory = '';
    const reopen = (): A => withBug(make(directory), bug);
    const create = (): A => {
      directory = temporaryDirectory();
      return reopen();
    };
    return failuresOf(() => testStorageAdapterContract('planted', create, undefined, { ...options, reopen }), only);
  };
}

/** Bugs by name, each with the test that must catch it. */
export type Planted<A> = Record<string, [bug: Bug<A>, caughtBy: string]>;

/** The tests that fail with a bug: of all of them, or of those with one title. */
type Failures<A> = (bug: Bug<A>, only?: string) => Promise<string[]>;

/** Tests that a suite passes what has no bug, and catches each of these. */
export function testThatEachIsCaught<A>(planted: Planted<A>, failures: Failures<A>): void {
  test('without a bug no test fails', async () => {
    expect(await failures(() => ({}))).toEqual([]);
  });

  test.each(Object.entries(planted))(
    'it catches: %s',
    async (_, [bug, caughtBy]) => {
      // What the other tests say of it is nobody's question, and they take a hundred times as long.
      expect(await failures(bug, caughtBy)).toContain(caughtBy);
    },
    30_000,
  );
}
