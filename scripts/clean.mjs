/** Removes the folders it is given: what a compiler left there may be older than its source. */
import { rmSync } from 'node:fs';

for (const folder of process.argv.slice(2)) rmSync(folder, { recursive: true, force: true });
