/** What a strict project sees of the stores. Never run. */
import {
  createStorageAdapter,
  InMemoryStorageAdapter,
  SQLiteStorageAdapter,
  supports,
  type Capability,
  type ChatMessage,
  type ChatSession,
  type ConflictError,
  type ListOptions,
  type StorageAdapter,
  type StorageStats,
  type UpkeepOptions,
  type VerifyReport,
} from 'smalltalk-native';
import { testStorageAdapterContract } from 'smalltalk-native/testing';

const session: ChatSession = {
  id: 's',
  messages: [{ id: 'm', role: 'user', content: 'hi', timestamp: new Date(), mood: 'fine' }],
  createdAt: new Date(),
  updatedAt: new Date(),
};

// @ts-expect-error -- no such role
session.messages.push({ id: 'm', role: 'robot', content: '', timestamp: new Date() });

/** An adapter of a user's own. */
class MyAdapter implements StorageAdapter {
  readonly name = 'Mine';
  readonly capabilities: readonly string[] = [];
  async initialize(): Promise<void> {}
  async close(): Promise<void> {}
  async saveSession(_id: string, _session: ChatSession): Promise<void> {}
  async getSession(_id: string): Promise<ChatSession | null> {
    return null;
  }
  async deleteSession(_id: string): Promise<boolean> {
    return false;
  }
  async listSessions(_options?: ListOptions): Promise<string[]> {
    return [];
  }
  async set(_key: string, _value: unknown, _ttl?: number): Promise<void> {}
  async get<V = unknown>(_key: string): Promise<V | null> {
    return null;
  }
  async delete(_key: string): Promise<boolean> {
    return false;
  }
  async has(_key: string): Promise<boolean> {
    return false;
  }
  async clear(): Promise<void> {}
  async getStats(): Promise<StorageStats> {
    return { backend: 'mine', sessions: 0, keys: 0, sizeBytes: 0 };
  }
}

const stores: StorageAdapter[] = [
  new SQLiteStorageAdapter({ path: './x.db', durability: 'process', readers: 4 }),
  new InMemoryStorageAdapter(),
  new MyAdapter(),
];

export async function use(): Promise<void> {
  const store: StorageAdapter = await createStorageAdapter({ path: './x.db', onFallback: 'throw' });
  const value: number | null = await store.get<number>('n');
  const ids: string[] = await store.listSessions({ updatedAfter: new Date(), orderBy: 'createdAt', order: 'asc' });
  // @ts-expect-error -- no such order
  await store.listSessions({ orderBy: 'size' });
  await createStorageAdapter(stores[0]);
  await createStorageAdapter('memory:');
  void [value, ids];
}

/** What only some adapters have is there behind the guard, and not before it. */
export async function guarded(store: StorageAdapter): Promise<void> {
  // @ts-expect-error -- not every adapter has it
  await store.appendMessages('s', session.messages);
  if (supports(store, 'appendMessages')) {
    const count: number = await store.appendMessages('s', session.messages, { durability: 'process' });
    void count;
  }
  if (supports(store, 'getVersioned') && supports(store, 'saveVersioned')) {
    const read = await store.getVersioned('s');
    const { version } = await store.saveVersioned('s', session, { ifVersion: read?.version ?? null });
    const messages: ChatMessage[] | undefined = read?.session.messages;
    void [version, messages];
    // @ts-expect-error -- without a version it would be saveSession
    await store.saveVersioned('s', session, {});
  }
  if (supports(store, 'keys')) for await (const key of store.keys({ prefix: 'a/' })) void key.length;
  if (supports(store, 'setMany')) await store.setMany(new Map([['a', 1]]), 60);
  if (supports(store, 'verify')) {
    const options: UpkeepOptions = { signal: AbortSignal.timeout(1_000) };
    const report: VerifyReport = await store.verify(options);
    const kind: 'session' | 'key' | 'file' | undefined = report.damaged[0]?.kind;
    void kind;
  }
  // @ts-expect-error -- no such capability
  supports(store, 'fly');
  const name: Capability = 'backup';
  void name;
}

export function both({ expected, actual }: ConflictError): [number | null, number | null] {
  return [expected, actual];
}

// @ts-expect-error -- no such durability
void new SQLiteStorageAdapter({ durability: 'disk' });

testStorageAdapterContract('Mine', () => new MyAdapter());
testStorageAdapterContract(
  'Mine',
  async () => new MyAdapter(),
  async () => {},
  { reopen: () => new MyAdapter() },
);
testStorageAdapterContract('Mine', () => new MyAdapter(), undefined, { supports: new MyAdapter().capabilities });
testStorageAdapterContract('Mine', () => new MyAdapter(), undefined, { supports: ['keys'] });
