/** Where a frozen loop is recorded when the log is somebody else's: the binary cannot write to it while the loop is frozen. */
import { shown } from '../shown.js';
import type { EventReplayStorage } from '../types.js';
import type { LoopNews } from './types.js';

/** The session of the log for what concerns the process as a whole; the binary knows it too. */
const SYSTEM_SESSION = '_system';

/** What stands in a log already: several monitors may share one. */
const recorded = new WeakMap<EventReplayStorage, Set<string>>();

/** Appends a freeze to a log, once. */
export function recordFreeze(log: EventReplayStorage, news: LoopNews): void {
  const known = recorded.get(log) ?? new Set();
  const name = `${news.threadId} ${news.at}`;
  if (known.has(name)) return;
  recorded.set(log, known.add(name));
  const agentId = news.holder?.agentId;
  const event = {
    topic: 'loop_frozen',
    priority: 'critical' as const,
    timestamp: news.at,
    ...(agentId !== undefined && { agentId }),
    payload: news,
  };
  const failed = (error: unknown): void => {
    process.emitWarning(`a frozen event loop could not be recorded: ${shown(error)}`, { type: 'SmallTalkWarning' });
  };
  // An adapter in plain JavaScript may throw where it should reject.
  void (async () => log.append(SYSTEM_SESSION, event))().catch(failed);
}
