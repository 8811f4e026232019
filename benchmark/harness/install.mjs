/** The rivals, installed on first use from the lockfile; the package's own install knows nothing of them. */
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { run } from '../../scripts/process.mjs';
import { rivals } from '../rivals.mjs';

const FOLDER = fileURLToPath(new URL('..', import.meta.url));
const LOCKFILE = `${FOLDER}package-lock.json`;
/** Written by npm at the end of an install. */
const INSTALLED = `${FOLDER}node_modules/.package-lock.json`;

/** Installs what these candidates need; where none needs a package, nothing is touched. */
export async function installRivals(candidates) {
  if (candidates.every((candidate) => rivals[candidate].package === undefined)) return;
  if (existsSync(INSTALLED) && statSync(INSTALLED).mtimeMs >= statSync(LOCKFILE).mtimeMs) return;
  console.log('Installing the rivals; one of them is compiled, which takes a minute or two.');
  const { code } = await run('npm', ['ci', '--prefix', FOLDER], { cwd: FOLDER });
  if (code !== 0) throw new Error(`the rivals could not be installed: npm ended with ${code}`);
}
