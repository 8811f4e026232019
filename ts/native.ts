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
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- an import would load it with the package
    loaded = require('../index.js') as Native;
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

function unavailable(cause: unknown): SmallTalkError {
  const platform = platformPackage();
  return new SmallTalkError(
    'ERR_NATIVE_UNAVAILABLE',
    `the native binary could not be loaded on ${process.platform}-${process.arch} (Node ${process.versions.node}). ` +
      `It comes with the package ${platform}: npm install ${platform}. ` +
      'Without it the event bus with its in-memory history, InMemoryStorageAdapter and FileStorageAdapter work; ' +
      'everything else needs it.',
    { cause },
  );
}

function platformPackage(): string {
  const { platform, arch } = process;
  if (platform === 'darwin') return `smalltalk-native-darwin-${arch}`;
  if (platform === 'win32') return `smalltalk-native-win32-${arch}-msvc`;
  return `smalltalk-native-${platform}-${arch}-${isMusl() ? 'musl' : 'gnu'}`;
}

function isMusl(): boolean {
  const report = process.report?.getReport() as unknown as { header?: { glibcVersionRuntime?: string } } | undefined;
  return process.platform === 'linux' && report?.header?.glibcVersionRuntime === undefined;
}
