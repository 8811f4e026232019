/** Options that nobody would give: each is taken, or refused by a typed error that says so; nothing else ever happens. */
import { existsSync, readdirSync } from 'node:fs';

import fc from 'fast-check';

import {
  AgentHealthMonitor,
  FileStorageAdapter,
  InMemoryStorageAdapter,
  JsonlEventReplayStorage,
  type PruneOptions,
  SmallTalkEventBus,
  SQLiteStorageAdapter,
} from '../ts/index.js';
import { effort, LONG_MS } from './support/effort.js';
import { temporaryDirectory } from './support/temporary.js';

const RUNS = effort('SMALLTALK_OPTIONS', 300);

/** What an option that makes no sense is refused with. */
function isRefusal(error: unknown): boolean {
  if (error instanceof TypeError) return true;
  const { code, name } = error as { code?: unknown; name?: unknown };
  return name !== 'Error' && ['ERR_OPTION_INVALID', 'ERR_ID_INVALID', 'ERR_TTL_INVALID'].includes(String(code));
}

const value = fc.oneof(
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withTypedArray: true }),
  fc.double(),
  fc.constantFrom(-1, 0, 2 ** 53, Infinity, NaN, '', '\0', '../..', 'power', {}, Symbol('option'), () => 1),
);

/** Options with some of these names, or anything at all. */
const optionsWith = (names: string[]): fc.Arbitrary<unknown> =>
  fc.oneof(value, fc.dictionary(fc.constantFrom(...names), value, { maxKeys: names.length }));

const ROOMS = {
  SmallTalkEventBus: [
    SmallTalkEventBus,
    ['historyLimit', 'historyBytes', 'critical', 'listenerErrors', 'redact', 'log'],
  ],
  InMemoryStorageAdapter: [InMemoryStorageAdapter, ['unsupported']],
  SQLiteStorageAdapter: [
    SQLiteStorageAdapter,
    ['path', 'durability', 'busyTimeoutMs', 'readers', 'timeoutMs', 'maxQueueBytes', 'snapshotBytes', 'unsupported'],
  ],
  FileStorageAdapter: [FileStorageAdapter, ['path', 'durability', 'busyTimeoutMs', 'timeoutMs', 'maxQueueBytes']],
  JsonlEventReplayStorage: [
    JsonlEventReplayStorage,
    [
      'directory',
      'durability',
      'fsyncIntervalMs',
      'retentionMs',
      'maxRetentionMs',
      'maxFileBytes',
      'timeoutMs',
      'readOnly',
    ],
  ],
  AgentHealthMonitor: [
    AgentHealthMonitor,
    ['heartbeatInterval', 'maxMissedBeats', 'recoveryStrategy', 'loopThreshold'],
  ],
} as const satisfies Record<string, readonly [new (options: never) => object, readonly string[]]>;

test.each(Object.entries(ROOMS))(
  '%s takes or refuses whatever it is made with, and makes no file',
  (_, [Room, names]) => {
    const cwd = process.cwd();
    const directory = temporaryDirectory();
    process.chdir(directory);
    try {
      fc.assert(
        fc.property(optionsWith([...names]), (options) => {
          try {
            expect(new Room(options as never)).toBeInstanceOf(Room);
          } catch (error) {
            if (!isRefusal(error)) throw error;
          }
        }),
        { numRuns: RUNS },
      );
      expect(readdirSync(directory)).toEqual([]);
    } finally {
      process.chdir(cwd);
    }
  },
  LONG_MS,
);

test.each(['sqlite', 'memory'])(
  'calls of a store (%s) take or refuse whatever they are given',
  async (kind) => {
    const path = `${temporaryDirectory()}/s.db`;
    const store = kind === 'sqlite' ? new SQLiteStorageAdapter({ path }) : new InMemoryStorageAdapter();
    const session = { id: 's', messages: [], createdAt: new Date(0), updatedAt: new Date(0) };
    await store.saveSession('s', session);
    const given = optionsWith([
      'limit',
      'offset',
      'updatedBefore',
      'dryRun',
      'durability',
      'ifVersion',
      'last',
      'before',
      'signal',
    ]);
    const calls = [
      (options: never) => store.listSessions(options),
      (options: never) => store.getMessages('s', options),
      (options: never) => store.prune({ ...(options as PruneOptions), dryRun: true }),
      (options: never) => store.verify(options),
      (options: never) => store.set('key', 1, options),
      (options: never) => store.saveVersioned('s', session, options),
      (options: never) => store.getSession(options),
    ];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...calls), given, async (call, options) => {
        try {
          await call(options as never);
        } catch (error) {
          if (!isRefusal(error) && (error as { code?: string }).code !== 'ERR_CONFLICT') throw error;
        }
      }),
      { numRuns: RUNS * 3 },
    );
    expect((await store.getSession('s'))?.messages).toEqual([]);
    expect(existsSync(path)).toBe(kind === 'sqlite');
    await store.close();
  },
  LONG_MS,
);
