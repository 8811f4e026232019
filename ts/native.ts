/** The binary, loaded on first need: importing the package must work where there is none. */
import { fromNative, SmallTalkError, type ErrorRoom } from './errors.js';
import { isFullStack } from './stack.js';

export type Native = typeof import('../index.js');

let loaded: Native | undefined;
let failure: SmallTalkError | undefined;

const SWITCHED_OFF = 'switched off by SMALLTALK_NATIVE=off';

/** The method by which a log of ours hands out its native end, to rooms that know no log. */
export const NATIVE_LOG = Symbol.for('smalltalk-native:log');

/** The binary. Throws `ERR_NATIVE_UNAVAILABLE` where it cannot be loaded. */
export function native(): Native {
  if (loaded !== undefined) return loaded;
  if (failure !== undefined) throw failure;
  try {
    if (process.env['SMALLTALK_NATIVE'] === 'off') throw new Error(SWITCHED_OFF);
    loaded = load();
    return loaded;
  } catch (cause) {
    failure = unavailable(cause);
    throw failure;
  }
}

/** Whether the binary is there, without throwing. */
export function nativeAvailable(): boolean {
  try {
    native();
    return true;
  } catch {
    return false;
  }
}

/** Calls an export of the binary; what it throws becomes an error of the room's class. */
export function crossing<T>(Room: ErrorRoom, call: (binary: Native) => T): T {
  const binary = native();
  try {
    return call(binary);
  } catch (thrown) {
    // It has not been called.
    if (isFullStack(thrown)) throw thrown;
    throw fromNative(thrown as Error & { code: string }, Room);
  }
}

/* eslint-disable @typescript-eslint/no-require-imports -- imports would load them with the package */

/** The generated loader compares versions only where the environment asks for that: another one may lack what we call. */
function load(): Native {
  const before = process.env[VERSION_CHECK];
  process.env[VERSION_CHECK] = '1';
  try {
    const binary = require('../index.js') as Native;
    // A bundler may have put the path of a file in its place.
    if (typeof (binary as Partial<Native>).storageOpen !== 'function') throw new Error(NO_BINARY);
    return binary;
  } finally {
    if (before === undefined) Reflect.deleteProperty(process.env, VERSION_CHECK);
    else process.env[VERSION_CHECK] = before;
  }
}

const VERSION_CHECK = 'NAPI_RS_ENFORCE_VERSION_CHECK';

const version = (): string => (require('../package.json') as { version: string }).version;

/* eslint-enable @typescript-eslint/no-require-imports */

/** There is a binary for each of these, in a package of the name that follows ours. */
export const PLATFORMS: readonly string[] = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'linux-x64-gnu',
  'linux-x64-musl',
  'win32-arm64-msvc',
  'win32-x64-msvc',
];

function unavailable(cause: unknown): SmallTalkError {
  const reason = reasonOf(cause);
  const where = `${process.platform}-${process.arch} (Node ${process.versions.node})`;
  const said =
    reason === SWITCHED_OFF
      ? [`the native binary is ${reason}`]
      : [
          `the native binary could not be loaded on ${where}${reason === null ? '' : `: ${reason}`}`,
          ...remedies(reason),
        ];
  const stores = isRestricted() ? ' and InMemoryStorageAdapter' : ', InMemoryStorageAdapter and FileStorageAdapter';
  said.push(`Without it the event bus with its in-memory history${stores} work; everything else needs it`);
  return new SmallTalkError('ERR_NATIVE_UNAVAILABLE', said.map((sentence) => `${sentence}.`).join(' '), { cause });
}

/** Whether Node's permission model is on: it lets nobody sync a file. */
const isRestricted = (): boolean => (process as Partial<NodeJS.Process>).permission !== undefined;

/** What else is to be said: what to install helps where nothing is there, and nobody whose system refuses to load it. */
function remedies(reason: string | null): string[] {
  const platform = platformName();
  if (!PLATFORMS.includes(platform)) {
    return reason === null ? [`There is none for this platform, only for ${PLATFORMS.join(', ')}`] : [];
  }
  const named = `smalltalk-native-${platform}`;
  const install = `It comes with the package ${named}: npm install ${named}@${version()}`;
  const bundler = 'A bundler must leave smalltalk-native out of the bundle';
  if (reason === null) return [install, bundler];
  if (reason.includes('version mismatch')) return [install];
  return OF_A_BUNDLE.some((words) => reason.includes(words)) ? [bundler] : [];
}

const NO_BINARY = 'what was loaded is no binary';
const OF_A_BUNDLE = [NO_BINARY, 'Dynamic require of', 'dynamically require'];

/**
 * Why it does not load; null where there is none. The loader tries one place after another and tells of the first in the innermost
 * cause; what follows is only that there is nothing in the other places.
 */
function reasonOf(cause: unknown): string | null {
  const met: string[] = [];
  let at = cause as Partial<Error> | null | undefined;
  while (typeof at?.message === 'string') {
    met.unshift(at.message);
    at = at.cause as typeof at;
  }
  const reason = met.find((message) => !NOT_THERE.some((start) => message.startsWith(start)));
  if (reason === undefined) return null;
  const [said = ''] = reason.split('Require stack:');
  const lines = said.split('\n').map((line) => line.trim());
  const text = lines.filter((line) => line !== '').join(' ');
  return text.endsWith('.') ? text.slice(0, -1) : text;
}

/** How messages begin that say only that there is none in a place. No expressions: those need room on the stack. */
const NOT_THERE = [
  'Cannot find native binding',
  // A path or a package of another name is one that somebody has asked for, or a part of the right package.
  "Cannot find module '../index.js'",
  "Cannot find module './smalltalk-native.",
  "Cannot find module 'smalltalk-native-",
  // The same of Yarn, where a package is no folder.
  'Qualified path resolution failed',
  'Unsupported OS',
  'Unsupported architecture',
];

function platformName(): string {
  const { platform, arch } = process;
  if (platform === 'linux') return `linux-${arch}-${isMusl() ? 'musl' : 'gnu'}`;
  return platform === 'win32' ? `win32-${arch}-msvc` : `${platform}-${arch}`;
}

function isMusl(): boolean {
  const report = process.report?.getReport() as unknown as { header?: { glibcVersionRuntime?: string } } | undefined;
  return process.platform === 'linux' && report?.header?.glibcVersionRuntime === undefined;
}
