/**
 * Writes the ES module face of each entry: a thin `.mjs` that re-exports the CommonJS implementation by name, so that
 * every class exists once whichever way it is imported, and a `.d.mts` with the same declarations.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);
const { exports: entries } = JSON.parse(readFileSync('package.json', 'utf8'));

for (const conditions of Object.values(entries)) {
  if (typeof conditions !== 'object') continue;
  const implementation = path.resolve(conditions.require.default);
  const names = Object.keys(require(implementation));
  if (names.length === 0) throw new Error(`${conditions.require.default} exports nothing`);
  const from = `'./${path.basename(implementation)}'`;
  writeFileSync(conditions.import.default, `export { ${names.toSorted().join(', ')} } from ${from};\n`);
  writeFileSync(conditions.import.types, `export * from ${from};\n`);
}
