/** Contract suites for Jest, and for Vitest with globals: what an adapter of yours has to do. */
export {
  testStorageAdapterContract,
  type AdapterCleanup,
  type AdapterFactory,
  type StorageContractOptions,
} from './storage-contract.js';
