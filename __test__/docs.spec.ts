/** What the pages show is true: their programs compile strictly and run, their commands exist. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

import { runNode } from './support/child';
import { codeBlocks, type CodeBlock } from './support/code-blocks';
import { emptyProject, lend, NODE_TYPES, ROOT, STRICT } from './support/consumer';

/** A page may show this many programs that nobody runs, in all pages together. */
const MOST_NOT_RUN = 6;
const RUN_LIMIT_MS = 20_000;

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(path.join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const blocks = pages.filter((page) => existsSync(path.join(ROOT, page))).flatMap((page) => codeBlocks(ROOT, page));
const programs = blocks.filter(({ language }) => ['ts', 'js'].includes(language));
const runnable = programs.filter(({ notRun }) => notRun === null);
const project = emptyProject('docs');

/** Each program has a folder of its own, in which it also runs. */
const folderOf = (block: CodeBlock) => path.join(project, block.place.replace(/\W+/g, '-'));

function sourceOf(block: CodeBlock): string {
  if (block.language === 'ts') return path.join(folderOf(block), 'program.mts');
  return path.join(folderOf(block), /\brequire\(/.test(block.code) ? 'program.cjs' : 'program.mjs');
}

let complaints: readonly ts.Diagnostic[] = [];

beforeAll(() => {
  lend(project, { ...NODE_TYPES, 'smalltalk-native': '.' });
  for (const block of runnable) {
    mkdirSync(folderOf(block), { recursive: true });
    writeFileSync(sourceOf(block), block.code);
  }
  const options = ts.convertCompilerOptionsFromJson({ ...STRICT, lib: ['es2022'] }, project).options;
  const sources = runnable.filter(({ language }) => language === 'ts').map(sourceOf);
  const program = ts.createProgram(sources, options, hostIn(options));
  complaints = ts.getPreEmitDiagnostics(program);
  program.emit();
});

/** Looks types up from the project, where they were lent, not from where the tests run. */
function hostIn(options: ts.CompilerOptions): ts.CompilerHost {
  return { ...ts.createCompilerHost(options), getCurrentDirectory: () => project };
}

afterAll(() => rmSync(project, { recursive: true, force: true }));

test('every page is there, and has programs or commands to check', () => {
  expect(pages.filter((page) => !existsSync(path.join(ROOT, page)))).toEqual([]);
  expect(blocks.length).toBeGreaterThan(0);
});

test('programs that nobody runs are few, and say why', () => {
  const notRun = blocks.filter((block) => block.notRun !== null);
  for (const { place, notRun: reason } of notRun) console.info(`${place} is not run: ${reason}`);
  expect(notRun.length).toBeLessThanOrEqual(MOST_NOT_RUN);
});

test('no type error stands outside of the programs', () => {
  const elsewhere = complaints.filter(
    ({ file }) => !runnable.some((block) => file !== undefined && sameFile(file, block)),
  );
  expect(elsewhere.map(said)).toEqual([]);
});

describe('programs', () => {
  for (const block of runnable) {
    test(`${block.place} compiles strictly and runs to its end`, async () => {
      const mine = complaints.filter(({ file }) => file !== undefined && sameFile(file, block));
      expect(mine.map(said)).toEqual([]);
      const script = sourceOf(block).replace(/\.mts$/, '.mjs');
      // What it leaves behind goes with the project.
      const folder = folderOf(block);
      const env = { TMPDIR: folder, TEMP: folder, TMP: folder };
      const ended = await runNode([script], { cwd: folder, timeoutMs: RUN_LIMIT_MS, env });
      expect(ended).toMatchObject({ code: 0 });
    });
  }
});

const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

test('every command of a shell block exists', () => {
  const unknown: string[] = [];
  for (const { place, language, code } of blocks) {
    if (!['sh', 'bash', 'shell', 'console'].includes(language)) continue;
    for (const [, name = ''] of code.matchAll(/\bnpm run (?:--silent |-s )?([\w:.-]+)/g)) {
      if (!Object.hasOwn(scripts, name)) unknown.push(`${place}: npm run ${name}`);
    }
    for (const [, file = ''] of code.matchAll(/^node (?:--\S+ )*([\w./-]+)/gm)) {
      if (!existsSync(path.join(ROOT, file))) unknown.push(`${place}: node ${file}`);
    }
  }
  expect(unknown).toEqual([]);
});

test('the first two shell blocks of the README run the demo and the tests from a fresh clone', () => {
  const [first, second] = codeBlocks(ROOT, 'README.md').filter(({ language }) => language === 'sh');
  expect([first?.code, second?.code]).toEqual(['npm ci && npm run demo\n', 'npm ci && npm test\n']);
});

function sameFile(file: ts.SourceFile, block: CodeBlock): boolean {
  return path.normalize(file.fileName) === path.normalize(sourceOf(block));
}

function said({ file, start, messageText }: ts.Diagnostic): string {
  const text = ts.flattenDiagnosticMessageText(messageText, '\n');
  if (file === undefined || start === undefined) return text;
  return `${path.basename(file.fileName)}:${file.getLineAndCharacterOfPosition(start).line + 1}: ${text}`;
}
