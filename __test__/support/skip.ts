/** Tests that only some machines can run. A skip that is not in `expected-skips.json` fails the run. */
import expected from './expected-skips.json';

/** `test` where the condition holds; elsewhere the test is skipped, and the report says why. */
export function skipUnless(condition: boolean, reason: string): (name: string, body: () => unknown) => void {
  if (condition) return (name, body) => test(name, body as () => void);
  if (!(expected as string[]).includes(reason))
    throw new Error(`nobody expects tests to be skipped because "${reason}"`);
  return (name, body) => test.skip(`${name} [skipped: ${reason}]`, body as () => void);
}
