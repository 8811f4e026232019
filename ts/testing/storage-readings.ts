/** What an adapter must do that reads or changes a session by several ways: tell the same by each, whatever has changed it. */
import type { Capability } from '../storage/capabilities.js';
import type { ChatMessage, ChatSession } from '../types.js';
import { at, newSession, sampleSession } from './samples.js';
import { collect, type CapableSubject, type Chapter } from './subject.js';

/** What there is to see of a session by one way of reading each. */
type Readings = Record<string, unknown>;

const AGENTS = ['writer', 'critic'] as const;

const READERS = ['getMessages', 'getSessionInfo', 'getVersioned', 'getSessions', 'sessions'] as const;
const WRITERS = ['appendMessages', 'saveVersioned', 'saveSessions', 'deleteSessions', 'prune'] as const;

const added: ChatMessage = { id: 'added', role: 'user', content: '–', timestamp: at(5) };

/** What a session is by every way of reading that the adapter has. */
export async function readingsOf(
  { adapter }: CapableSubject,
  has: (capability: Capability) => boolean,
  id: string,
): Promise<Readings> {
  const infoOf = async (): Promise<unknown> => {
    const info = await adapter.getSessionInfo(id);
    const { messageCount, activeAgent, createdAt, updatedAt } = info ?? {};
    return info && { messageCount, activeAgent, createdAt, updatedAt };
  };
  const sameVersion = async (): Promise<boolean> => {
    const [versioned, info] = await Promise.all([adapter.getVersioned(id), adapter.getSessionInfo(id)]);
    return versioned?.version === info?.version;
  };
  const asked: Record<string, Promise<unknown>> = { getSession: adapter.getSession(id) };
  if (has('getVersioned')) asked['getVersioned'] = adapter.getVersioned(id).then((found) => found?.session ?? null);
  if (has('getSessions')) asked['getSessions'] = adapter.getSessions([id]).then((found) => found.get(id) ?? null);
  if (has('getMessages')) asked['getMessages'] = adapter.getMessages(id);
  if (has('getSessionInfo')) asked['getSessionInfo'] = infoOf();
  if (has('getVersioned') && has('getSessionInfo')) asked['version'] = sameVersion();
  for (const activeAgent of AGENTS) {
    asked[`listSessions: ${activeAgent}`] = adapter.listSessions({ activeAgent }).then((all) => all.includes(id));
    if (has('sessions'))
      asked[`sessions: ${activeAgent}`] = collect(adapter.sessions({ activeAgent })).then((all) => all.includes(id));
  }
  const found = await Promise.all(Object.values(asked));
  return Object.fromEntries(Object.keys(asked).map((way, index) => [way, found[index]]));
}

/** The same of what it ought to be. */
export function readingsFor(has: (capability: Capability) => boolean, session: ChatSession | null): Readings {
  const readings: Readings = { getSession: session };
  if (has('getVersioned')) readings['getVersioned'] = session;
  if (has('getSessions')) readings['getSessions'] = session;
  if (has('getMessages')) readings['getMessages'] = session && session.messages;
  if (has('getSessionInfo')) {
    const { messages, activeAgent, createdAt, updatedAt } = session ?? newSession('');
    readings['getSessionInfo'] = session && { messageCount: messages.length, activeAgent, createdAt, updatedAt };
  }
  if (has('getVersioned') && has('getSessionInfo')) readings['version'] = true;
  for (const activeAgent of AGENTS) {
    readings[`listSessions: ${activeAgent}`] = session?.activeAgent === activeAgent;
    if (has('sessions')) readings[`sessions: ${activeAgent}`] = session?.activeAgent === activeAgent;
  }
  return readings;
}

/** Every way of reading, after every way of changing. */
export const readings: Chapter = ({ describe, it, expect }, subject, has) => {
  if (![...READERS, ...WRITERS].some(has)) return;
  describe('Readings', () => {
    it('should tell the same of a session by every way of reading, whatever has changed it', async () => {
      const { adapter } = subject;
      const [first, other] = [sampleSession('s'), { ...newSession('s'), activeAgent: 'critic', updatedAt: at(2) }];
      const follows = async (way: string, session: ChatSession | null): Promise<void> => {
        // Looked at each time: what is remembered of one state must not be told of the next one.
        expect([way, await readingsOf(subject, has, 's')]).toEqual([way, readingsFor(has, session)]);
      };
      const save = async (session: ChatSession): Promise<void> => {
        await adapter.saveSession('s', session);
        await follows('saveSession', session);
      };
      await follows('nothing', null);
      await save(first);
      await save(other);
      if (has('appendMessages')) {
        await adapter.appendMessages('s', [added]);
        // The later of what is stored and now.
        const { updatedAt } = (await adapter.getSession('s')) ?? other;
        await follows('appendMessages', { ...other, updatedAt, messages: [added] });
      }
      if (has('saveVersioned') && has('getVersioned')) {
        const { version } = (await adapter.getVersioned('s')) ?? { version: NaN };
        await adapter.saveVersioned('s', first, { ifVersion: version });
        await follows('saveVersioned', first);
      }
      if (has('saveSessions')) {
        await adapter.saveSessions([['s', other]]);
        await follows('saveSessions', other);
      }
      const ways: Record<string, () => Promise<unknown>> = { deleteSession: () => adapter.deleteSession('s') };
      if (has('deleteSessions')) ways['deleteSessions'] = () => adapter.deleteSessions(['s']);
      if (has('prune')) ways['prune'] = () => adapter.prune({ updatedBefore: at(4) });
      ways['clear'] = () => adapter.clear();
      for (const [way, remove] of Object.entries(ways)) {
        await save(first);
        await remove();
        await follows(way, null);
        // One of the same id has nothing of it.
        await save(newSession('s'));
      }
    });
  });
};
