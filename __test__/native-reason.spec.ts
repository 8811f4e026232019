/** Where the binary does not load, the error and the warning say why; what to install, only where that would help. */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { runNode } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';

const root = join(__dirname, '..');
const binary = readdirSync(root).find((name) => name.endsWith('.node')) ?? 'none';
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const platformPackage = binary.replace('.', '-').replace(/\.node$/, '');

/** This package as it is installed, without a binary. Gives its directory. */
function installed(): string {
  const directory = temporaryDirectory();
  for (const name of ['dist', 'index.js', 'package.json']) {
    cpSync(join(root, name), join(directory, name), { recursive: true });
  }
  return directory;
}

/** The same beside a package of the platform with this version and this program in the binary's place. */
function beside(itsVersion: string, program: string): string {
  const directory = installed();
  const there = join(directory, 'node_modules', platformPackage);
  mkdirSync(there, { recursive: true });
  writeFileSync(
    join(there, 'package.json'),
    JSON.stringify({ name: platformPackage, version: itsVersion, main: 'main.js' }),
  );
  if (program !== '') writeFileSync(join(there, 'main.js'), program);
  return directory;
}

interface Said {
  error: string;
  warning: string;
}

/** What a program that needs the binary hears, of the error and of the warning. */
async function said(directory: string, words: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Said> {
  const program = join(temporaryDirectory(), 'program.cjs');
  writeFileSync(
    program,
    `const { createStorageAdapter, SmallTalkError } = require(${JSON.stringify(join(directory, 'dist'))});
     const told = new Promise((resolve) => process.on('warning', (warning) => {
       if (warning.code === 'SMALLTALK_MEMORY_FALLBACK') resolve(warning.message);
     }));
     (async () => {
       const { error } = await createStorageAdapter({ onFallback: 'throw' }).catch((error) => ({ error }));
       if (!(error instanceof SmallTalkError) || error.code !== 'ERR_NATIVE_UNAVAILABLE') throw error;
       if (error.cause === undefined) throw new Error('no cause');
       await createStorageAdapter();
       process.stdout.write(JSON.stringify({ error: error.message, warning: await told }) + '\\n');
     })();`,
  );
  const options = { cwd: temporaryDirectory(), env: { NODE_NO_WARNINGS: '1', ...env } };
  const { code, output } = await runNode([...words, program], options);
  expect([code, output]).toEqual([0, expect.stringMatching(/^\{.*\}\n/)]);
  const heard = JSON.parse(output) as Said;
  expect(heard.warning).toBe(
    `SQLite is unavailable, so sessions are kept in memory and will not persist: ${heard.error}`,
  );
  expect(heard.error).toMatch(/Without it the event bus .* everything else needs it\.$/);
  expect(heard.error).not.toMatch(/\n|\.\.|Require stack|npm\/cli/);
  return heard;
}

const INSTALL = new RegExp(
  `\\. It comes with the package ${platformPackage}: npm install ${platformPackage}@${version}\\. `,
);

test('a package that is not there is to be installed, or left out of a bundle', async () => {
  const { error } = await said(installed());
  expect(error).toMatch(/^the native binary could not be loaded on \w+-\w+ \(Node [\d.]+\)\. It comes with/);
  expect(error).toMatch(INSTALL);
  expect(error).toContain('A bundler must leave smalltalk-native out of the bundle.');
});

test('a file that the system does not load is named, with what the system says', async () => {
  const directory = installed();
  writeFileSync(join(directory, binary), 'no binary at all');
  const { error } = await said(directory);
  expect(error).toMatch(/^the native binary could not be loaded on \w+-\w+ \(Node [\d.]+\): \S/);
  expect(error).toContain(binary);
  expect(error).not.toMatch(/npm install|bundle/);
});

const PERMISSION = ['--permission', '--experimental-permission'].find((flag) =>
  process.allowedNodeEnvironmentFlags.has(flag),
);

test.each([[['--no-addons']], [[PERMISSION ?? '--no-addons', '--allow-fs-read=*', '--allow-fs-write=*']]])(
  'so is what Node does not allow (%j)',
  async (words) => {
    const { error } = await said(root, words);
    expect(error).toMatch(/\): Cannot load native addon because loading addons is disabled\. Without it/);
    expect(error).not.toMatch(/npm install|bundle/);
    // The permission model lets nobody sync a file.
    expect(error.includes('FileStorageAdapter')).toBe(words[0] === '--no-addons');
  },
);

test('a package of which a part is missing, and a path of the environment that leads nowhere, are named', async () => {
  const half = await said(beside(version, ''));
  expect(half.error).toMatch(/\): Cannot find module '.*main\.js'/);
  const path = join(temporaryDirectory(), 'nowhere.node');
  const nowhere = await said(root, [], { NAPI_RS_NATIVE_LIBRARY_PATH: path });
  expect(nowhere.error).toMatch(/\): Cannot find module '.*nowhere\.node'\. Without it/);
  for (const { error } of [half, nowhere]) expect(error).not.toMatch(/npm install|bundle/);
});

test('of another version both are named, and which one to install', async () => {
  const { error } = await said(beside('9.9.9', 'module.exports = {};'));
  expect(error).toMatch(/version mismatch, expected \d+\.\d+\.\d+ but got 9\.9\.9/);
  expect(error).toMatch(INSTALL);
  expect(error).not.toContain('@9.9.9');
});

test.each([
  ['what was loaded is no binary', "module.exports = '/bundle/smalltalk-native-5f3a.node';"],
  ['Dynamic require of "x.node" is not supported', `throw new Error('Dynamic require of "x.node" is not supported');`],
])('what a bundler makes of it is told with what to do: %s', async (reason, program) => {
  const { error } = await said(beside(version, program));
  expect(error).toContain(`): ${reason}. A bundler must leave smalltalk-native out of the bundle. Without it`);
  expect(error).not.toContain('npm install');
});

test('where it is switched off, just that is said', async () => {
  const { error } = await said(root, [], { SMALLTALK_NATIVE: 'off' });
  expect(error).toMatch(/^the native binary is switched off by SMALLTALK_NATIVE=off\. Without it/);
});
