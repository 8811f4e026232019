import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { JsonlEventReplayStorage } from '../ts/index.js';
import { testEventReplayStorageContract } from '../ts/testing/index.js';
import { codeBlocks } from './support/code-blocks.js';
import { MemoryLog } from './support/plain-log.cjs';
import { CAPABILITIES } from './support/planted-logs.js';
import { temporaryDirectory } from './support/temporary.js';

const timeoutMs = 120_000;

let place = '';

beforeEach(() => {
  place = join(temporaryDirectory(), 'events');
});

const open = (): JsonlEventReplayStorage => new JsonlEventReplayStorage({ directory: place });

testEventReplayStorageContract('JsonlEventReplayStorage', open, undefined, {
  reopen: open,
  supports: CAPABILITIES,
  values: 'all',
  strict: true,
  timeoutMs,
});

testEventReplayStorageContract('a log in plain JavaScript', () => new MemoryLog(), undefined, {
  supports: ['sessions', 'eraseSession'],
  timeoutMs,
});

test('the log of the page is the one above', () => {
  const classOf = (source: string): string => /^const CRITICAL[^]*?^}$/m.exec(source)?.[0] ?? '';
  const tested = classOf(readFileSync(join(__dirname, 'support', 'plain-log.cjs'), 'utf8'));
  const page = codeBlocks(join(__dirname, '..'), 'docs/event-log.md');
  expect(tested).toContain('class MemoryLog');
  expect(page.map(({ code }) => classOf(code))).toContain(tested);
});
