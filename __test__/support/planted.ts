/** Bugs that are planted into an adapter that has none. */

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
