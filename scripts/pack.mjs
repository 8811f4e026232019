/**
 * Makes the tarballs that are published: `node scripts/pack.mjs <folder> [--all]`. Without `--all`, platform packages are
 * made for the binaries that are there; with it, a missing one is an error.
 *
 * The main manifest names the platform packages only in the tarball, and those that are packed with it: before the first
 * release of a version no registry has others, which `npm ci` of whoever installed the tarballs would miss in his lockfile.
 * Nothing in the checkout is touched.
 */
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { run } from './process.mjs';

const ROOT = path.resolve(import.meta.dirname, '..');
const [destination = '.', mode] = process.argv.slice(2);
const manifest = readJson(path.join(ROOT, 'package.json'));
const platforms = readdirSync(path.join(ROOT, 'npm'));

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** What a user's npm needs to know, and nothing that is about building. */
function publishedManifest(platforms) {
  const { scripts, devDependencies, overrides, allowScripts, napi, ...published } = manifest;
  const pinned = platforms.map((platform) => [`${manifest.name}-${platform}`, manifest.version]);
  return { ...published, optionalDependencies: Object.fromEntries(pinned) };
}

/** The binary of a platform: built here, or brought into its folder by the release workflow. */
function binaryOf(platform) {
  const name = `${manifest.name}.${platform}.node`;
  return [path.join(ROOT, name), path.join(ROOT, 'npm', platform, name)].find((file) => existsSync(file));
}

async function pack(fill) {
  const stage = mkdtempSync(path.join(tmpdir(), 'smalltalk-native-pack-'));
  try {
    fill(stage);
    const { code, output } = await run(
      'npm',
      ['pack', '--silent', '--ignore-scripts', '--pack-destination', path.resolve(destination)],
      {
        cwd: stage,
        quiet: true,
      },
    );
    if (code !== 0) throw new Error(`npm pack failed:\n${output}`);
    const tarball = output.trim().split('\n').at(-1);
    console.log(path.resolve(destination, tarball));
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

function fillMain(stage, platforms) {
  for (const part of ['dist', 'index.js', 'index.d.ts', 'README.md', 'LICENSE', 'CHANGELOG.md']) {
    const source = path.join(ROOT, part);
    if (!existsSync(source)) throw new Error(`${part} is not there: npm run build`);
    cpSync(source, path.join(stage, part), { recursive: true });
  }
  writeFileSync(path.join(stage, 'package.json'), `${JSON.stringify(publishedManifest(platforms), null, 2)}\n`);
}

function fillPlatform(stage, platform, binary) {
  const folder = path.join(ROOT, 'npm', platform);
  const { version } = readJson(path.join(folder, 'package.json'));
  if (version !== manifest.version) throw new Error(`npm/${platform} has version ${version}, not ${manifest.version}`);
  for (const file of ['package.json', 'README.md']) copyFileSync(path.join(folder, file), path.join(stage, file));
  copyFileSync(path.join(ROOT, 'LICENSE'), path.join(stage, 'LICENSE'));
  copyFileSync(binary, path.join(stage, path.basename(binary)));
}

mkdirSync(destination, { recursive: true });
const packed = [];
for (const platform of platforms) {
  const binary = binaryOf(platform);
  if (binary !== undefined) {
    await pack((stage) => fillPlatform(stage, platform, binary));
    packed.push(platform);
  } else if (mode === '--all') throw new Error(`no binary for ${platform}`);
}
// Last, as it is published: whoever sees the main package finds the platform packages.
await pack((stage) => fillMain(stage, packed));
