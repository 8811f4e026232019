/** Contract suites for Jest, and for Vitest with globals: what an adapter or an event log of yours has to do. */
export {
  testEventReplayStorageContract,
  type LogCleanup,
  type LogContractOptions,
  type LogFactory,
} from './log-contract.js';
export type { LogCapability } from './log-subject.js';
export {
  testStorageAdapterContract,
  type AdapterCleanup,
  type AdapterFactory,
  type StorageContractOptions,
} from './storage-contract.js';
