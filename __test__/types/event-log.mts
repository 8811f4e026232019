/** What a strict project sees of event logs of its own. Never run. */
import {
  AgentHealthMonitor,
  JsonlEventReplayStorage,
  SmallTalkEventBus,
  type AppendReceipt,
  type CleanupReport,
  type Event,
  type EventReplayStorage,
  type NewEvent,
  type ReplayOptions,
} from 'smalltalk-native';
import { testEventReplayStorageContract, type LogCapability, type LogContractOptions } from 'smalltalk-native/testing';

/** A log of a user's own, which answers nothing. */
class MyLog implements EventReplayStorage {
  readonly persistent = false;
  async append(_sessionId: string, _event: NewEvent): Promise<void> {}
  async *replay(_sessionId: string, _options?: ReplayOptions): AsyncGenerator<Event> {}
  async cleanup(_retentionMs: number): Promise<void> {}
}

/** One that answers, and can be closed. */
class MyOtherLog implements EventReplayStorage {
  async append(_sessionId: string, _event: NewEvent): Promise<AppendReceipt> {
    return { seq: 1, id: 'x', timestamp: 0 };
  }
  async *replay(_sessionId: string, _options?: ReplayOptions): AsyncGenerator<Event> {}
  async cleanup(_retentionMs: number): Promise<CleanupReport> {
    return { archived: 0, deleted: 0, bytesFreed: 0 };
  }
  async close(): Promise<void> {}
}

const logs: EventReplayStorage[] = [new MyLog(), new MyOtherLog(), new JsonlEventReplayStorage()];
for (const log of logs) void [new SmallTalkEventBus({ log }), new AgentHealthMonitor({ log })];

const supports: readonly LogCapability[] = ['sessions', 'eraseSession', 'tail', 'subscribe', 'close'];
const options: LogContractOptions = { supports, strict: true, values: 'all', timeoutMs: 60_000 };

testEventReplayStorageContract('Mine', () => new MyLog());
testEventReplayStorageContract(
  'Mine',
  async () => new MyOtherLog(),
  async () => {},
  { reopen: () => new MyOtherLog() },
);
testEventReplayStorageContract('Ours', () => new JsonlEventReplayStorage(), undefined, options);
// @ts-expect-error -- what every log has is tested anyway
testEventReplayStorageContract('Mine', () => new MyLog(), undefined, { supports: ['append'] });
// @ts-expect-error -- no such option
testEventReplayStorageContract('Mine', () => new MyLog(), undefined, { capabilities: ['close'] });
// @ts-expect-error -- no log
testEventReplayStorageContract('Mine', () => ({ append: async () => {} }));
