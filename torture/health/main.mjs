/**
 * `node torture/health/main.mjs [scenario …] [--json]`: the monitor under fire. A scenario that fails makes it end with 1.
 * Short, unless `SMALLTALK_TORTURE=long`.
 */
import { parseArgs } from 'node:util';

import { accusing, runAccusing } from './accusing.mjs';
import { noticing, runNoticing } from './noticing.mjs';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' } } });
const known = [...Object.keys(noticing), ...Object.keys(accusing)];
const stranger = positionals.find((name) => !known.includes(name));
if (stranger !== undefined) throw new Error(`no scenario is called "${stranger}"; there are ${known.join(', ')}`);

for (const name of positionals.length > 0 ? positionals : known) {
  const began = performance.now();
  const report = await (Object.hasOwn(noticing, name) ? runNoticing : runAccusing)(name);
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  if (report.faults > 0) process.exitCode = 1;
  const said = Object.entries(report).map(([key, value]) => `${key} ${JSON.stringify(value)}`);
  console.log(values.json ? JSON.stringify({ name, ...report }) : `${name}: ${said.join(', ')} (${seconds} s)`);
}
