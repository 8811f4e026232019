import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { runNode } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';

const demo = join(__dirname, '..', 'examples', 'demo');

test('the demo ends well after a real SIGKILL, says so without colours, and leaves nothing behind', async () => {
  const cwd = temporaryDirectory();
  const ended = await runNode([join(demo, 'main.mjs')], { cwd, env: { TMPDIR: cwd } });
  expect(ended.output).toMatch(/SIGKILL, in flight: (handoff:)?turn-1\d/);
  expect(ended.output).toMatch(/messages at the end, equal to the transcript\s+24 of 24\s+✓/);
  expect(ended.output).toMatch(/Nothing acknowledged was lost\.\n$/);
  expect(ended.output).not.toContain('\u001b');
  expect(ended.output).not.toContain('✗');
  expect(ended.code).toBe(0);
  expect(readdirSync(cwd)).toEqual([]);
});

test('the demo ends badly when something acknowledged is missing', async () => {
  const cwd = temporaryDirectory();
  // The second process is told that a message was acknowledged which no first process ever saved.
  const claimed = JSON.stringify({ message: ['turn-1'], draft: [], event: [] });
  const script = `
    const { spawn } = require('node:child_process');
    const words = [${JSON.stringify(join(demo, 'conversation.mjs'))}, 'empty', ${JSON.stringify(claimed)}];
    let told = '';
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
    child.stdio[3].on('data', (text) => (told += text));
    child.on('close', () => process.stdout.write(told.split('\\n').find((line) => line.includes('lost')) ?? 'nothing told'));`;
  const { output } = await runNode(['-e', script], { cwd });
  expect(JSON.parse(output)).toMatchObject({ lost: { message: ['turn-1'] } });
});
