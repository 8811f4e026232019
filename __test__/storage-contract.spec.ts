import { join } from 'node:path';

import { FileStorageAdapter, InMemoryStorageAdapter, SQLiteStorageAdapter, type StorageAdapter } from '../ts/index.js';
import { testStorageAdapterContract } from '../ts/testing/index.js';
import { codeBlocks } from './support/code-blocks.js';
import { JsonFileAdapter } from './support/plain-adapter.cjs';
import { temporaryDirectory } from './support/temporary.js';

const timeoutMs = 120_000;

let place = '';

beforeEach(() => {
  place = temporaryDirectory();
});

testStorageAdapterContract(
  'SQLiteStorageAdapter (power)',
  () => new SQLiteStorageAdapter({ path: join(place, 'sessions.db') }),
  undefined,
  { timeoutMs },
);

testStorageAdapterContract(
  'SQLiteStorageAdapter (process)',
  () => new SQLiteStorageAdapter({ path: join(place, 'sessions.db'), durability: 'process' }),
  undefined,
  { supports: new SQLiteStorageAdapter().capabilities, strict: true, timeoutMs },
);

testStorageAdapterContract('InMemoryStorageAdapter', () => new InMemoryStorageAdapter(), undefined, {
  supports: new InMemoryStorageAdapter().capabilities,
  strict: true,
  timeoutMs,
});

testStorageAdapterContract(
  'FileStorageAdapter (power)',
  () => new FileStorageAdapter({ path: join(place, 'files') }),
  undefined,
  { timeoutMs },
);

testStorageAdapterContract(
  'FileStorageAdapter (process)',
  () => new FileStorageAdapter({ path: join(place, 'files'), durability: 'process' }),
  undefined,
  { supports: new FileStorageAdapter().capabilities, strict: true, timeoutMs },
);

testStorageAdapterContract(
  'an adapter in plain JavaScript',
  () => new JsonFileAdapter(join(place, 'store.json')),
  undefined,
  { timeoutMs },
);

/** The class that the page about storage shows, as it stands there: it is run in a process of its own as well. */
function adapterOfThePage(): StorageAdapter {
  const page = codeBlocks(join(__dirname, '..'), 'docs/storage.md');
  const { code } = page.find((block) => block.code.includes('class TinyAdapter')) ?? { code: '' };
  const [source] = code.slice(code.indexOf('const DATES')).split('\nconst store');
  return (new Function(`${source}\nreturn new TinyAdapter();`) as () => StorageAdapter)();
}

testStorageAdapterContract('the adapter of the page', adapterOfThePage, undefined, { timeoutMs });
