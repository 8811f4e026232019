/** What users get: the tarballs, installed into an empty project without a network, a build step or an install script. */
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import ts from 'typescript';

import { runNode, runProgram } from './support/child';
import { emptyProject, lend, NODE_TYPES, ROOT, STRICT } from './support/consumer';

jest.setTimeout(180_000);

const TSC = path.join(ROOT, 'node_modules/typescript/bin/tsc');
const tarballs = emptyProject('tarballs');
const project = emptyProject('consumer');
const installed = path.join(project, 'node_modules', 'smalltalk-native');

const readJson = (file: string) => JSON.parse(readFileSync(file, 'utf8'));
const packed = (pattern: RegExp) =>
  readdirSync(tarballs)
    .filter((name) => pattern.test(name))
    .map((name) => path.join(tarballs, name));
const mainTarball = () => packed(/^smalltalk-native-\d.*\.tgz$/);
const platformTarball = () => packed(/^smalltalk-native-[a-z].*\.tgz$/);

async function succeeds(ended: ReturnType<typeof runNode>): Promise<string> {
  const { code, output } = await ended;
  if (code !== 0) throw new Error(`ended with ${code}:\n${output}`);
  return output;
}

const inProject = (script: string, env: NodeJS.ProcessEnv = {}) => runNode([script], { cwd: project, env });

function write(name: string, text: string): string {
  writeFileSync(path.join(project, name), text);
  return name;
}

beforeAll(async () => {
  await succeeds(runNode([path.join(ROOT, 'scripts/pack.mjs'), tarballs], { cwd: ROOT }));
  const install = [
    'install',
    '--offline',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    ...mainTarball(),
    ...platformTarball(),
  ];
  await succeeds(runProgram('npm', install, { cwd: project }));
  lend(project, NODE_TYPES);
  cpSync(path.join(ROOT, 'examples/consumer-esm.ts'), path.join(project, 'consumer-esm.ts'));
  cpSync(path.join(ROOT, 'examples/consumer-cjs.cjs'), path.join(project, 'consumer-cjs.cjs'));
});

afterAll(() => {
  for (const folder of [tarballs, project]) rmSync(folder, { recursive: true, force: true });
});

test('the main tarball holds what is listed and nothing else', () => {
  expect(readdirSync(installed).sort()).toEqual(
    ['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'index.d.ts', 'index.js', 'package.json'].sort(),
  );
});

test('the manifest pins the platform packages packed with it, needs nothing else at run time and runs nothing when installed', () => {
  const manifest = readJson(path.join(installed, 'package.json'));
  const names = platformTarball().map((file) => path.basename(file, `-${manifest.version}.tgz`));
  expect(names).not.toEqual([]);
  expect(manifest.optionalDependencies).toEqual(Object.fromEntries(names.map((name) => [name, manifest.version])));
  expect(manifest).not.toHaveProperty('dependencies');
  expect(manifest).not.toHaveProperty('scripts');
});

test('what was installed from the tarballs is installed again from the lockfile', async () => {
  const again = emptyProject('again');
  try {
    for (const name of ['package.json', 'package-lock.json']) cpSync(path.join(project, name), path.join(again, name));
    await succeeds(
      runProgram('npm', ['ci', '--offline', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: again }),
    );
    expect(readdirSync(path.join(again, 'node_modules'))).toContain('smalltalk-native');
  } finally {
    rmSync(again, { recursive: true, force: true });
  }
});

test('the crate has the version of the package', () => {
  const cargo = readFileSync(path.join(ROOT, 'Cargo.toml'), 'utf8');
  const { version } = readJson(path.join(ROOT, 'package.json'));
  expect(/^version = "(.+)"$/m.exec(cargo)?.[1]).toBe(version);
});

test('there is a platform folder for every target that the binary is built for', () => {
  const { napi, version } = readJson(path.join(ROOT, 'package.json'));
  const platforms = readdirSync(path.join(ROOT, 'npm'));
  expect(platforms).toHaveLength(napi.targets.length);
  for (const platform of platforms) {
    const manifest = readJson(path.join(ROOT, 'npm', platform, 'package.json'));
    expect(manifest).toMatchObject({
      name: `smalltalk-native-${platform}`,
      version,
      main: `smalltalk-native.${platform}.node`,
    });
    expect(platform.split('-').slice(0, 2)).toEqual([...manifest.os, ...manifest.cpu]);
  }
});

test('a strict TypeScript application runs as an ES module', async () => {
  const compilerOptions = { ...STRICT, lib: ['es2022'], outDir: 'compiled' };
  write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['consumer-esm.ts'] }));
  await succeeds(runNode([TSC, '-p', 'tsconfig.json'], { cwd: project }));
  expect(await succeeds(inProject('compiled/consumer-esm.js'))).toContain('the ES module example is done');
});

test('what is built around a bus can be exported: each type that declarations need has a name', async () => {
  cpSync(path.join(ROOT, '__test__/types/around-a-bus.mts'), path.join(project, 'around-a-bus.mts'));
  const compilerOptions = { ...STRICT, lib: ['es2022'], declaration: true, outDir: 'declared' };
  write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['around-a-bus.mts'] }));
  await succeeds(runNode([TSC, '-p', 'tsconfig.json'], { cwd: project }));
  expect(readFileSync(path.join(project, 'declared/around-a-bus.d.mts'), 'utf8')).not.toContain('/dist/');
});

test('a JavaScript application runs with require', async () => {
  expect(await succeeds(inProject('consumer-cjs.cjs'))).toContain('the CommonJS example is done');
});

test('every entry gives the same classes to import and to require', async () => {
  const entries = Object.keys(readJson(path.join(installed, 'package.json')).exports).filter(
    (entry) => entry !== './package.json',
  );
  const script = write(
    'same.mjs',
    `import assert from 'node:assert/strict';
     import { createRequire } from 'node:module';
     const require = createRequire(import.meta.url);
     for (const entry of ${JSON.stringify(entries)}) {
       const name = entry.replace('.', 'smalltalk-native');
       const [esm, cjs] = [await import(name), require(name)];
       assert.deepEqual(Object.keys(esm).sort(), Object.keys(cjs).sort());
       for (const key of Object.keys(cjs)) assert.equal(esm[key], cjs[key], key);
       console.log(name, Object.keys(cjs).length);
     }
     assert.equal(require('smalltalk-native/package.json').name, 'smalltalk-native');`,
  );
  const output = await succeeds(inProject(script));
  for (const entry of entries)
    expect(output).toMatch(new RegExp(`^${entry.replace('.', 'smalltalk-native')} [1-9]`, 'm'));
});

/** Nodes of the published declarations that are so. */
function declared(isSo: (node: ts.Node, source: ts.SourceFile) => boolean): string[] {
  const files = readdirSync(path.join(installed, 'dist'), { recursive: true, encoding: 'utf8' });
  const declarations = files.filter((file) => file.endsWith('.d.ts'));
  expect(declarations.length).toBeGreaterThan(50);
  return declarations.flatMap((file) => nodesOf(file, isSo));
}

function nodesOf(file: string, isSo: Parameters<typeof declared>[0]): string[] {
  const source = ts.createSourceFile(
    file,
    readFileSync(path.join(installed, 'dist', file), 'utf8'),
    ts.ScriptTarget.Latest,
  );
  const found: string[] = [];
  const look = (node: ts.Node): void => {
    if (isSo(node, source)) found.push(`${file}: ${node.getText(source)}`);
    ts.forEachChild(node, look);
  };
  look(source);
  return found;
}

/** A class or another type with arguments: its name. */
function generic(node: ts.Node, source: ts.SourceFile): string {
  if (ts.isTypeReferenceNode(node) && node.typeArguments) return node.typeName.getText(source);
  if (ts.isExpressionWithTypeArguments(node) && node.typeArguments) return node.expression.getText(source);
  return '';
}

test('the declarations have nothing that this compiler writes by itself and TypeScript 5.0 does not know', () => {
  // Arrays of bytes and buffers take an argument since 5.7; a tuple may name some of its members and not others since 5.2.
  const newer = declared(
    (node, source) =>
      /^((Big)?(Int|Uint|Float)\d+(Clamped)?Array|DataView|Buffer)$/.test(generic(node, source)) ||
      (ts.isTupleTypeNode(node) && new Set(node.elements.map(ts.isNamedTupleMember)).size > 1),
  );
  expect(newer).toEqual([]);
});

test('nor an emitter with a map of events, which those of Node have only from 20.11.21 on', () => {
  expect(declared((node, source) => /\bEventEmitter$/.test(generic(node, source)))).toEqual([]);
});

test('publint finds nothing to say', async () => {
  for (const tarball of [...mainTarball(), ...platformTarball()]) {
    const publint = path.join(ROOT, 'node_modules/publint/src/cli.js');
    expect(await succeeds(runNode([publint, 'run', tarball, '--strict'], { cwd: project }))).toContain('All good!');
  }
});

test('the types are right however the package is resolved', async () => {
  const attw = path.join(ROOT, 'node_modules/@arethetypeswrong/cli/dist/index.js');
  const output = await succeeds(runNode([attw, ...mainTarball(), '--no-color', '--no-emoji'], { cwd: project }));
  expect(output).toContain('No problems found');
});

test('a binary of another version is not used, and the error says which one to install', async () => {
  const [platform = 'none'] = readdirSync(path.join(project, 'node_modules')).filter((name) =>
    name.startsWith('smalltalk-native-'),
  );
  const manifest = path.join(project, 'node_modules', platform, 'package.json');
  const script = write(
    'older.cjs',
    `const { SQLiteStorageAdapter } = require('smalltalk-native');
     new SQLiteStorageAdapter({ path: 'x.db' }).initialize().catch((error) => console.log(error.code, error.message));`,
  );
  const before = readFileSync(manifest, 'utf8');
  writeFileSync(manifest, JSON.stringify({ ...(JSON.parse(before) as object), version: '9.9.9' }));
  try {
    const output = await succeeds(inProject(script));
    expect(output).toMatch(/^ERR_NATIVE_UNAVAILABLE .*npm install smalltalk-native-\S+@\d+\.\d+\.\d+\. /);
    expect(output).toContain('but got 9.9.9');
    expect(output).not.toContain('@9.9.9');
  } finally {
    writeFileSync(manifest, before);
  }
});

test('where a bundler has put a path in the place of the binary, the error says so, and storage falls back', async () => {
  const [platform = 'none'] = readdirSync(path.join(project, 'node_modules')).filter((name) =>
    name.startsWith('smalltalk-native-'),
  );
  const there = path.join(project, 'node_modules', platform);
  const manifest = path.join(there, 'package.json');
  const script = write(
    'bundled.cjs',
    `const { createStorageAdapter, SQLiteStorageAdapter } = require('smalltalk-native');
     (async () => {
       await new SQLiteStorageAdapter({ path: 'x.db' }).initialize().catch((error) => console.log(error.code, error.message));
       console.log((await createStorageAdapter({ path: 'x.db' })).name);
     })();`,
  );
  const before = readFileSync(manifest, 'utf8');
  writeFileSync(manifest, JSON.stringify({ ...(JSON.parse(before) as object), main: 'path.js' }));
  writeFileSync(path.join(there, 'path.js'), "module.exports = '/bundle/smalltalk-native-5f3a.node';");
  try {
    const output = await succeeds(inProject(script));
    expect(output).toMatch(/^ERR_NATIVE_UNAVAILABLE .*a bundler must leave smalltalk-native out/i);
    expect(output).toContain('InMemory');
  } finally {
    writeFileSync(manifest, before);
    rmSync(path.join(there, 'path.js'));
  }
});

test('without its platform package it imports, and says what to install when the binary is needed', async () => {
  const [platform] = readdirSync(path.join(project, 'node_modules')).filter((name) =>
    name.startsWith('smalltalk-native-'),
  );
  const there = path.join(project, 'node_modules', platform ?? 'none');
  const script = write(
    'missing.cjs',
    `const { SmallTalkEventBus, SQLiteStorageAdapter } = require('smalltalk-native');
     new SmallTalkEventBus().on('ping', () => console.log('the bus works')).emit('ping');
     new SQLiteStorageAdapter({ path: 'x.db' }).initialize().catch((error) => console.log(error.code, error.message));`,
  );
  renameSync(there, `${project}/set-aside`);
  try {
    const output = await succeeds(inProject(script));
    expect(output).toContain('the bus works');
    expect(output).toContain(`ERR_NATIVE_UNAVAILABLE`);
    expect(output).toContain(`npm install ${platform}`);
  } finally {
    renameSync(`${project}/set-aside`, there);
  }
});
