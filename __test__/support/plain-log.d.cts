import type { EventReplayStorage } from '../../ts/index.js';

export const MemoryLog: new () => EventReplayStorage;
