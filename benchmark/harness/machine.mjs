/** Where and with what a measurement was made. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import os from 'node:os';
import { fileURLToPath } from 'node:url';

import { rivals } from '../rivals.mjs';

const FILE_SYSTEMS = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x01021994, 'tmpfs (in memory: a sync costs nothing here)'],
  [0x794c7630, 'overlayfs'],
]);

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const versionIn = (file) => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')).version;

/** The version of a candidate that is a package; null for what comes with Node. */
export function versionOf(candidate) {
  const name = rivals[candidate].package;
  return name === undefined ? null : versionIn(`../node_modules/${name}/package.json`);
}

/** One line; the load says how much else the machine had to do. */
export function describeMachine(directory) {
  const [{ model }] = os.cpus();
  const fileSystem = FILE_SYSTEMS.get(statfsSync(directory).type) ?? 'an unknown file system';
  const load = os.loadavg()[0].toFixed(1);
  return [
    `smalltalk-native ${versionIn('../../package.json')} (commit ${commit()}, ${binary()})`,
    `Node ${process.versions.node}`,
    `${process.platform} ${process.arch}`,
    `${os.availableParallelism()} × ${model.trim()}`,
    fileSystem,
    `load ${load} at the end`,
  ].join(', ');
}

function commit() {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

/** Its size gives away a debug build, which is many times as large, and whose figures mean nothing. */
function binary() {
  const name = readdirSync(ROOT).find((file) => file.endsWith('.node'));
  return name === undefined ? 'no binary' : `binary of ${(statSync(`${ROOT}/${name}`).size / 1e6).toFixed(1)} MB`;
}
