/** Test runners load the package anew for each of their files, into a realm that has to go away when the file is done. */
import { join } from 'node:path';

import { runNode } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';

const child = join(__dirname, 'support/realms-child.cjs');

test.each(['nothing', 'sqlite', 'file', 'log', 'monitor', 'monitor that was forgotten', 'busy bus'])(
  'nothing keeps a realm, or a context, in which all has been closed: %s',
  async (use) => {
    const cwd = temporaryDirectory();
    const { code, output } = await runNode(['--expose-gc', child, cwd, use], { cwd });
    expect(output).toBe('alive: 0\n');
    expect(code).toBe(0);
  },
);

test('the package works where shared memory is switched off', async () => {
  const dist = JSON.stringify(join(__dirname, '../dist/index.js'));
  const script = `delete globalThis.SharedArrayBuffer;
    new (require(${dist}).InMemoryStorageAdapter)().set('k', new Uint8Array(1)).then(() => console.log('stored'));`;
  const { code, output } = await runNode(['-e', script], { cwd: __dirname });
  expect({ code, output }).toEqual({ code: 0, output: 'stored\n' });
});
