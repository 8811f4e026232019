import type { StorageAdapter } from '../../ts/index.js';

export const JsonFileAdapter: new (file: string) => StorageAdapter;
