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
