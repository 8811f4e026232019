/** An empty project outside of the checkout that uses the package. */
import { mkdirSync, mkdtempSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const ROOT = path.resolve(__dirname, '..', '..');

/** What a strict project sets; declarations of the package are checked as well. */
export const STRICT = {
  target: 'es2022',
  lib: ['lib.es2022.d.ts'],
  module: 'node16',
  moduleResolution: 'node16',
  strict: true,
  exactOptionalPropertyTypes: true,
  noImplicitOverride: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  types: ['node'],
};

/** A fresh folder with a manifest. Types of Node are lent to it: they cannot be installed without a network. */
export function emptyProject(name: string): string {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), `smalltalk-native-${name}-`)));
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name, private: true, type: 'module' }));
  return folder;
}

/** Makes packages of the checkout, or the checkout itself under its name, visible in a project. */
export function lend(project: string, packages: Record<string, string>): void {
  for (const [name, source] of Object.entries(packages)) {
    const target = path.join(project, 'node_modules', name);
    mkdirSync(path.dirname(target), { recursive: true });
    symlinkSync(path.join(ROOT, source), target, 'junction');
  }
}

export const NODE_TYPES = { '@types/node': 'node_modules/@types/node' };
