/** What of a session a save sends: all of it, or what has changed since the state that the store is known to have. */
import type { EncodeOptions } from '../../codec.js';
import { plainMessages, sessionShape, sessionTimes } from '../../codec/session-shape.js';
import { SmallTalkError } from '../../errors.js';
import { encodeHead, type SessionHead } from '../../session.js';
import type { ChatSession } from '../../types.js';
import type { Snapshot } from '../changes/cache.js';
import { compareMessages, type Changes } from '../changes/compare.js';
import { keep, type Kept } from '../changes/kept.js';
import { MessageList } from '../changes/message-list.js';

/** A session as it was at the call. */
export interface SessionState {
  head: SessionHead;
  messages: MessageList;
  /** The way here from the state that has this stamp; null where there is none that is shorter than all. */
  delta: { base: number; changes: Changes } | null;
}

/** More characters than that are written in pieces, with the rest of the session. */
const MOST_AT_ONCE = 2 ** 19;

/** Takes the state of a session. Throws a TypeError where it is none, and what the codec throws. */
export function stateOf(session: ChatSession, before: Snapshot | undefined, options: EncodeOptions): SessionState {
  return (before && changedState(session, before, options)) ?? wholeState(session, options);
}

function changedState(session: ChatSession, before: Snapshot, options: EncodeOptions): SessionState | null {
  const live = plainMessages(session);
  const changes = live && changesSince(before.messages, live, options);
  if (changes === null) return null;
  const head = encodeHead(session, sessionTimes(session, options.unsupported === 'json'), options);
  return { head, messages: changes.list, delta: { base: before.stamp, changes } };
}

function changesSince(before: MessageList, live: readonly unknown[], options: EncodeOptions): Changes | null {
  try {
    return compareMessages(before, live, options, MOST_AT_ONCE);
  } catch (error) {
    if (error instanceof SmallTalkError) throw error;
    // An accessor of the program's threw. Who looks closely refuses it by its name, and does not run it.
    return null;
  }
}

/** So many messages at the most are looked at closely at once; with more, only the state is taken at once. */
const FEW = 100;

function wholeState(session: ChatSession, options: EncodeOptions): SessionState {
  const lenient = options.unsupported === 'json';
  const shape = sessionShape(session, lenient);
  // In haste nobody sees what JSON would make of code.
  const hasty = !lenient && shape.messages.length > FEW;
  const kept = keptOf(shape.messages, options, hasty);
  const head = encodeHead(session, shape, options);
  return { head, messages: MessageList.inFull(kept), delta: null };
}

/** A function of its own: by a full collection the shape of a state is forgotten with the last one, and what knows it with that. */
function keptOf(messages: readonly unknown[], options: EncodeOptions, hasty: boolean): Kept[] {
  const kept: Kept[] = [];
  for (let at = 0; at < messages.length; at += 1) kept.push(keep(messages[at], at, options, hasty));
  return kept;
}
