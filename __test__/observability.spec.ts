import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { runNode } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';

const dist = join(__dirname, '..', 'dist', 'index.js');

/** Stores and logs something with a secret in it; prints nothing itself. */
const script = `
  const { openSmallTalk } = require(${JSON.stringify(dist)});
  (async () => {
    const { bus, storage, close } = await openSmallTalk();
    await storage.set('k', 'a secret');
    bus.emit('message', 'a secret');
    await close();
  })();`;

const run = (env: NodeJS.ProcessEnv): ReturnType<typeof runNode> =>
  runNode(['-e', script], { cwd: temporaryDirectory(), env });

test('the core is silent by default', async () => {
  expect(await run({})).toEqual({ code: 0, output: '' });
});

test('SMALLTALK_LOG says what the core does, on stderr, and never a payload', async () => {
  const { code, output } = await run({ SMALLTALK_LOG: 'smalltalk=trace' });
  expect(code).toBe(0);
  expect(output).toMatch(/smalltalk::storage.*opened/);
  expect(output).not.toContain('secret');
});

test('it takes targets, and JSON for machines', async () => {
  const { output } = await run({ SMALLTALK_LOG: 'smalltalk::storage=debug', SMALLTALK_LOG_FORMAT: 'json' });
  const lines = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { target: string; level: string });
  expect(lines.length).toBeGreaterThan(0);
  for (const { target } of lines) expect(target).toBe('smalltalk::storage');
});

test.each(['', ' '])('a blank filter (%j) is none: it silences no warning of a damaged log', async (filter) => {
  const cwd = temporaryDirectory();
  expect(await runNode(['-e', script], { cwd })).toEqual({ code: 0, output: '' });
  appendFileSync(join(cwd, 'data', 'events', 'active', 'default.jsonl'), 'damaged\n{"unfini');
  const { code, output } = await runNode(['-e', script], { cwd, env: { SMALLTALK_LOG: filter } });
  expect(code).toBe(0);
  expect(output).toMatch(/WARN smalltalk::event_log.*default\.jsonl/);
});

test('what cannot be printed, because nobody reads it any more, costs nothing', async () => {
  const told = `${script.replace(/\}\)\(\);$/, '')}
    process.stdout.write('stored');
  })().catch(({ code }) => process.stdout.write(code));`;
  const options = { cwd: temporaryDirectory(), env: { ...process.env, SMALLTALK_LOG: 'smalltalk=trace' } };
  const child = spawn(process.execPath, ['-e', told], options);
  child.stderr.destroy();
  const [output] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  expect(output).toBe('stored');
});

test('an older Node gets a clear error instead of a crash', async () => {
  const old = `Object.defineProperty(process.versions, 'node', { value: '18.19.0' });
    try { require(${JSON.stringify(dist)}); } catch (error) { process.stdout.write(error.message); }`;
  expect(await runNode(['-e', old], { cwd: temporaryDirectory() })).toEqual({
    code: 0,
    output: 'smalltalk-native needs Node 20 or newer; this is Node 18.19.0',
  });
});
