/** What becomes of a session's file when the session is saved, appended to or deleted. */
import type { Encoded } from '../../codec.js';
import type { EncodedSession } from '../../session.js';
import type { EncodedMessages } from '../record.js';
import type { Access, Asked } from './access.js';
import type { Decision, Found } from './files.js';
import { sessionFile, sessionHead } from './format.js';
import type { Place } from './place.js';

interface Stored {
  session: EncodedSession;
  version: number;
}

/** Stores what `next` makes of what is stored, under the next version. */
export async function changeSession(
  access: Access,
  id: string,
  manner: Asked,
  bytes: number,
  next: (stored: Found | null) => EncodedSession,
): Promise<Stored> {
  const change = (place: Place): Promise<Stored> => {
    const decide = (found: Found | null): Decision<Stored> => {
      const session = next(found);
      const version = place.nextVersion(found === null ? undefined : sessionHead(found.line)?.version);
      return { result: { session, version }, contents: sessionFile(id, version, session) };
    };
    return place.sessions.change(id, decide, manner);
  };
  return access.run(change, manner.ticket, bytes);
}

/** Deletes what is stored, and gives whether that was anything. */
export const gone = (found: Found | null): Decision<boolean> =>
  found === null ? { result: false } : { result: true, contents: null };

/** About as many bytes as what is to be written takes in memory. */
export function sizeOf({ messages, messageTypes, head }: EncodedMessages & { head?: Encoded }): number {
  return messages.length + messageTypes.length + (head?.text.length ?? 0) + (head?.types?.length ?? 0);
}
