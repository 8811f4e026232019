/** An id may be a piece of a text of megabytes, which to the engine is a view of all of it: whoever keeps the id keeps the text. */
import { join } from 'node:path';

import { runNode } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';

const child = join(__dirname, 'support', 'holding-child.cjs');

/** Of sixty texts of a megabyte. */
const MOST_MB = 12;

test.each(['memory get', 'memory set', 'memory save', 'sqlite set', 'sqlite save', 'log append'])(
  'the texts that ids were cut out of are not kept: %s',
  async (what) => {
    const { code, output } = await runNode(['--expose-gc', child, temporaryDirectory(), what], { cwd: __dirname });
    expect({ code, output }).toEqual({ code: 0, output: expect.stringMatching(/^-?[\d.e-]+\n$/) as string });
    expect(Number(output)).toBeLessThan(MOST_MB);
  },
);
