import { join } from 'node:path';

import { FileStorageAdapter, InMemoryStorageAdapter, SQLiteStorageAdapter } from '../ts/index.js';
import { testStorageAdapterContract } from '../ts/testing/index.js';
import { JsonFileAdapter } from './support/plain-adapter.cjs';
import { temporaryDirectory } from './support/temporary.js';

let place = '';

beforeEach(() => {
  place = temporaryDirectory();
});

testStorageAdapterContract(
  'SQLiteStorageAdapter (power)',
  () => new SQLiteStorageAdapter({ path: join(place, 'sessions.db') }),
);

testStorageAdapterContract(
  'SQLiteStorageAdapter (process)',
  () => new SQLiteStorageAdapter({ path: join(place, 'sessions.db'), durability: 'process' }),
  undefined,
  { supports: new SQLiteStorageAdapter().capabilities, strict: true },
);

testStorageAdapterContract('InMemoryStorageAdapter', () => new InMemoryStorageAdapter(), undefined, {
  supports: new InMemoryStorageAdapter().capabilities,
  strict: true,
});

testStorageAdapterContract('FileStorageAdapter (power)', () => new FileStorageAdapter({ path: join(place, 'files') }));

testStorageAdapterContract(
  'FileStorageAdapter (process)',
  () => new FileStorageAdapter({ path: join(place, 'files'), durability: 'process' }),
  undefined,
  { supports: new FileStorageAdapter().capabilities, strict: true },
);

testStorageAdapterContract('an adapter in plain JavaScript', () => new JsonFileAdapter(join(place, 'store.json')));
