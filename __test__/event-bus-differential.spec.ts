import { join } from 'node:path';

import { runNode } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';

/** `SMALLTALK_LIVES=1000000` for the long form. */
const LIVES = Number(process.env['SMALLTALK_LIVES'] ?? 20_000);

test(
  `a bus and a plain EventEmitter cannot be told apart in ${LIVES} random lives`,
  async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const child = join(__dirname, 'support', 'differential-child.cjs');
    const timeoutMs = 60_000 + LIVES * 5;
    const { output } = await runNode([child, String(LIVES), String(seed)], { cwd: temporaryDirectory(), timeoutMs });
    expect(output).toBe(`${LIVES} lives, no difference`);
  },
  120_000 + LIVES * 5,
);
