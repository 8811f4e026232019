/** What an event log tells of itself. */

/** What a log counts, and what its opening found. */
export interface EventLogStats {
  directory: string;
  /** Sessions with events within the retention. */
  sessions: number;
  /** Their files. */
  files: number;
  /** Their events. */
  events: number;
  /** The size of those files. */
  bytes: number;
  /** Bytes that wait to be written. */
  queuedBytes: number;
  /** Events written since the opening. */
  appended: number;
  /** Files moved to the archive since the opening. */
  archived: number;
  /** Files deleted from the archive since the opening. */
  deleted: number;
  recovery: RecoveryReport;
}

/** What opening a log found. */
export interface RecoveryReport {
  /** Whether the last owner closed it in order, or there was none. With `readOnly`: not as long as somebody has it open. */
  clean: boolean;
  /** Events found; with `readOnly`, those that there are now. */
  events: number;
  /** Unfinished last lines that were cut off: events that nobody was promised. */
  torn: { file: string; bytes: number }[];
  /**
   * Bytes that are no events, those that replays have met since included. They are skipped, stay where they are, and are
   * copied to `copy`: null where they were damaged since the opening, or there was no room for them; the next one copies them.
   * With `readOnly` it is always null.
   */
  damaged: { file: string; offset: number; bytes: number; copy: string | null }[];
}

/** What reading everything again has found. */
export interface EventLogVerifyReport {
  /** Files read, archived ones included. */
  files: number;
  /** Events whose checksums hold. */
  events: number;
  /** Bytes that are no events; empty where all is well. */
  damaged: { file: string; offset: number; bytes: number }[];
}
