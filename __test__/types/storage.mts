/** What a strict project sees of the stores. Never run. */
import {
  createStorageAdapter,
  InMemoryStorageAdapter,
  SQLiteStorageAdapter,
  type ChatSession,
  type ListOptions,
  type StorageAdapter,
  type StorageStats,
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

// @ts-expect-error -- no such durability
void new SQLiteStorageAdapter({ durability: 'disk' });

testStorageAdapterContract('Mine', () => new MyAdapter());
testStorageAdapterContract(
  'Mine',
  async () => new MyAdapter(),
  async () => {},
  { reopen: () => new MyAdapter() },
);
