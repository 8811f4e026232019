/** What a bus can be told, and how that is checked. */
import { checkId } from '../ids.js';
import { logOption, METHOD, namesOption, numberOption, optionsObject, wordOption, type Known } from '../options.js';
import { CRITICAL_EVENTS } from '../priorities.js';
import type { EventReplayStorage } from '../types.js';
import type { StoredEvent } from './types.js';

/** How a bus remembers. */
export interface EventBusOptions {
  /** How many events the history holds; 0 keeps none. Default 1000. */
  historyLimit?: number;
  /** How many bytes, by an estimate, the history may keep alive; the oldest events go. Default: no limit. */
  historyBytes?: number;
  /** Where events are appended, in order, beside being dispatched. Default: nowhere. */
  log?: EventReplayStorage;
  /** How many bytes, by an estimate, may be on their way to the log, and as many again of critical events. Default 16 MiB. */
  logQueueBytes?: number;
  /** The session of the log that the events belong to. Default `default`. */
  sessionId?: string;
  /** The names of critical events, in place of agent_handoff, plan_created, user_interrupted, orchestration_decision. */
  critical?: readonly string[];
  /** `isolate`: a listener that throws or rejects stops nobody, and is reported as `listener:error`. Default `node`. */
  listenerErrors?: 'node' | 'isolate';
  /** As Node's EventEmitter has it. Default false. */
  captureRejections?: boolean;
  /**
   * Gets a copy of each event before it is kept and gives what history, log and replay shall have of it, or null for
   * nothing. Live listeners get the original. When it throws, the event is not kept, and that is a `listener:error`;
   * `emitDurable` rejects with it.
   */
  redact?: (event: StoredEvent) => StoredEvent | null;
}

/** Their names. */
export const BUS_OPTIONS: Known<EventBusOptions> = {
  historyLimit: true,
  historyBytes: true,
  log: true,
  logQueueBytes: true,
  sessionId: true,
  critical: true,
  listenerErrors: true,
  captureRejections: true,
  redact: METHOD,
};

const MAX_HISTORY = 2 ** 24;

/** What a bus goes by: every option checked, and with its default where nothing was said. */
export interface CheckedBusOptions {
  historyLimit: number;
  historyBytes: number;
  /** null: there is none. */
  log: EventReplayStorage | null;
  logQueueBytes: number;
  sessionId: string;
  critical: ReadonlySet<string>;
  /** Whether a listener that throws stops nobody. */
  isolates: boolean;
  captureRejections: boolean;
  /** null: everything is kept as it is. */
  redact: ((event: StoredEvent) => StoredEvent | null) | null;
}

/** Checks the options of a bus: TypeError for a wrong type, `ERR_OPTION_INVALID` for what makes no sense. */
export function busOptions(options: EventBusOptions | undefined): CheckedBusOptions {
  const given = optionsObject('options', options, BUS_OPTIONS);
  const historyLimit = numberOption('historyLimit', given.historyLimit, 1000, {
    min: 0,
    max: MAX_HISTORY,
    integer: true,
  });
  const historyBytes = numberOption('historyBytes', given.historyBytes, Infinity, { min: 0, max: Infinity });
  const logQueueBytes = numberOption('logQueueBytes', given.logQueueBytes, 16 * 2 ** 20, { min: 0, max: 2 ** 40 });
  const isolates = wordOption('listenerErrors', given.listenerErrors, 'node', ['node', 'isolate']) === 'isolate';
  const { redact, sessionId = 'default', captureRejections = false } = given;
  if (redact !== undefined && typeof redact !== 'function') throw new TypeError('redact must be a function');
  const log = logOption(given.log, ['append']);
  checkId(sessionId, 'sessionId');
  const critical = new Set(namesOption('critical', given.critical, CRITICAL_EVENTS));
  return {
    ...{ historyLimit, historyBytes, log: log ?? null, logQueueBytes, sessionId, critical },
    ...{ isolates, captureRejections, redact: redact ?? null },
  };
}
