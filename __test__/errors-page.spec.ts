/** The page of errors and the code say the same: which codes there are, which may be tried again, which nobody throws. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { SmallTalkError, type ErrorCode } from '../ts/index.js';

const root = join(__dirname, '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

const page = read('docs/errors.md');
const [, union = ''] = /export type ErrorCode =([^;]*);/.exec(read('ts/errors.ts')) ?? [];
const codes = [...union.matchAll(/'(ERR_\w+)'/g)].map(([, code]) => code as ErrorCode);

/** What stands under the heading of a code. */
const sections = new Map(
  [...page.matchAll(/^### `(\w+)`\n([^]*?)(?=^##|(?![^]))/gm)].map(([, code = '', text = '']) => [code, text]),
);

/** Every source below a folder, but for the one that lists the codes. */
function sources(folder: string, extension: string): string {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  const wanted = files.filter((file) => file.endsWith(extension) && !(folder === 'ts' && file === 'errors.ts'));
  return wanted.map((file) => read(join(folder, file))).join('\n');
}

const rust = [...sources('src', '.rs').matchAll(/"(ERR_\w+)"/g)].map(([, code]) => code as string);
const typescript = [...sources('ts', '.ts').matchAll(/'(ERR_\w+)'/g)].map(([, code]) => code as string);
const thrown = new Set([...rust, ...typescript]);

test('there are codes to look at, on every side', () => {
  expect(codes.length).toBeGreaterThan(20);
  expect(new Set(codes).size).toBe(codes.length);
  expect(rust.length).toBeGreaterThan(10);
  expect(typescript.length).toBeGreaterThan(10);
});

test('every code has one heading, and every heading is a code', () => {
  const headings = [...page.matchAll(/^#+ .*?\b(ERR_\w+)/gm)].map(([, code]) => code);
  expect(headings.sort()).toEqual([...codes].sort());
  expect([...sections.keys()].sort()).toEqual([...codes].sort());
});

test('every code that the core or the face can give is an ErrorCode', () => {
  expect([...thrown].filter((code) => !codes.includes(code as ErrorCode))).toEqual([]);
});

test.each(codes)('%s: the page says truly whether it is retryable, and whether anything throws it', (code) => {
  const text = sections.get(code) ?? '';
  const [, said] = /^\nRetryable: (yes|no)\b/.exec(text) ?? [];
  expect(said).toBe(new SmallTalkError(code, 'x').retryable ? 'yes' : 'no');
  expect(/reserved: nothing throws it yet/i.test(text)).toBe(!thrown.has(code));
});
