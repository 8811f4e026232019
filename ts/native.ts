/** The binary, loaded on first need: importing the package must work where there is none. */
import { fromNative, SmallTalkError, type ErrorRoom } from './errors.js';

export type Native = typeof import('../index.js');

let loaded: Native | undefined;
let failure: SmallTalkError | undefined;

/** The method by which a log of ours hands out its native end, to rooms that know no log. */
export const NATIVE_LOG = Symbol.for('smalltalk-native:log');

/** The binary. Throws `ERR_NATIVE_UNAVAILABLE` where it cannot be loaded. */
export function native(): Native {
  if (loaded !== undefined) return loaded;
  if (failure !== undefined) throw failure;
  try {
    if (process.env['SMALLTALK_NATIVE'] === 'off') throw new Error('switched off by SMALLTALK_NATIVE=off');
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
    if (typeof (binary as Partial<Native>).storageOpen !== 'function') throw new Error('what was loaded is no binary');
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
  const platform = platformName();
  const named = `smalltalk-native-${platform}`;
  return new SmallTalkError(
    'ERR_NATIVE_UNAVAILABLE',
    `the native binary could not be loaded on ${process.platform}-${process.arch} (Node ${process.versions.node}). ` +
      (PLATFORMS.includes(platform)
        ? `It comes with the package ${named}: npm install ${named}@${version()}. ` +
          'A bundler must leave smalltalk-native out of the bundle. '
        : `There is none for this platform, only for ${PLATFORMS.join(', ')}. `) +
      'Without it the event bus with its in-memory history, InMemoryStorageAdapter and FileStorageAdapter work; ' +
      'everything else needs it.',
    { cause },
  );
}

function platformName(): string {
  const { platform, arch } = process;
  if (platform === 'linux') return `linux-${arch}-${isMusl() ? 'musl' : 'gnu'}`;
  return platform === 'win32' ? `win32-${arch}-msvc` : `${platform}-${arch}`;
}

function isMusl(): boolean {
  const report = process.report?.getReport() as unknown as { header?: { glibcVersionRuntime?: string } } | undefined;
  return process.platform === 'linux' && report?.header?.glibcVersionRuntime === undefined;
}
