/** The simplest store that could be right, and what to ask of it and of a real one. */
import fc from 'fast-check';

import type {
  Capability,
  ChatMessage,
  ChatSession,
  ListOptions,
  MessageRange,
  StorageAdapter,
  StorageCapabilities,
} from '../../ts/index.js';

type Store = StorageAdapter & StorageCapabilities;

/** Sessions and keys as they were put in; nobody changes them afterwards. */
export class Model {
  sessions = new Map<string, { session: ChatSession; change: number }>();
  keys = new Map<string, { value: unknown; ends: boolean }>();
  changes = 0;

  save(id: string, session: ChatSession): void {
    this.sessions.set(id, { session, change: (this.changes += 1) });
  }

  list({ activeAgent, updatedBefore, idPrefix = '', orderBy = 'updatedAt', order = 'desc', ...page }: ListOptions) {
    const { offset = 0, limit = Infinity } = page;
    const place = (session: ChatSession): number => (orderBy === 'id' ? 0 : Number(session[orderBy]));
    const sign = order === 'asc' ? 1 : -1;
    return [...this.sessions]
      .map(([id, { session }]) => ({ id, session, at: place(session) }))
      .filter(({ session }) => activeAgent === undefined || session.activeAgent === activeAgent)
      .filter(({ session }) => updatedBefore === undefined || session.updatedAt < updatedBefore)
      .filter(({ id }) => id.startsWith(idPrefix))
      .sort((a, b) => sign * (a.at - b.at || byBytes(a.id, b.id)))
      .slice(offset, offset + limit)
      .map(({ id }) => id);
  }
}

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** One call: what the store does and what the model answers. */
export interface Operation {
  /** Reads of one moment are called after its writes: only then there is one right answer. */
  kind: 'write' | 'read';
  /** Whether nothing else may be under way. */
  alone?: boolean;
  needs?: Capability;
  /** Done before anything of the same moment is called. */
  prepare?(store: Store, model: Model): Promise<void>;
  call(store: Store): Promise<unknown>;
  answer(model: Model): unknown;
}

/** Makes an operation, anew for each run. */
export type Plan = () => Operation;

const id = fc.constantFrom('a', 'A', 'b/c', '🙂', '\uff5e', 'con', 'x'.repeat(300));
const agent = fc.constantFrom('writer', 'critic', 'é', undefined);
// So far ahead that an append leaves it as it is.
const moment = fc.integer({ min: 0, max: 5 }).map((day) => new Date(Date.UTC(2200, 0, 1 + day)));
const text = fc.constantFrom('', 'plain', '– not ASCII: 漢字 🙂', 'line\nbreak "quoted" \\', '],\n"messageTypes":[');
const extra = fc.constantFrom<unknown>({ deep: [1, null, { x: -0 }] }, new Map([['k', new Date(5)]]), undefined, 7n);

const message: fc.Arbitrary<ChatMessage> = fc.record({
  id: text,
  role: fc.constant('user' as const),
  content: text,
  timestamp: moment,
  metadata: fc.record({ extra }),
});

const session: fc.Arbitrary<ChatSession> = fc
  .record({ messages: fc.array(message, { maxLength: 4 }), agent, createdAt: moment, updatedAt: moment, extra })
  .map(({ agent: activeAgent, ...rest }) => ({
    id: 'data',
    ...(activeAgent === undefined ? {} : { activeAgent }),
    ...rest,
  }));

const count = fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined });

/** Leaves out what is undefined. */
function given<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

const listOptions: fc.Arbitrary<ListOptions> = fc
  .record({
    activeAgent: agent,
    updatedBefore: fc.option(moment, { nil: undefined }),
    idPrefix: fc.constantFrom('b', 'x', undefined),
    orderBy: fc.constantFrom('id' as const, 'createdAt' as const, 'updatedAt' as const, undefined),
    order: fc.constantFrom('asc' as const, 'desc' as const, undefined),
    limit: count,
    offset: count,
  })
  .map(given);

const range: fc.Arbitrary<MessageRange> = fc.record({ last: count, before: count, limit: count }).map(given);

async function collect(items: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const simple =
  (kind: Operation['kind']) =>
  (call: Operation['call'], answer: Operation['answer'], needs?: Capability): Plan => {
    const make = (): Operation => ({ kind, call, answer, ...(needs === undefined ? {} : { needs }) });
    // What a failing sequence is printed with.
    return Object.assign(make, { [fc.toStringMethod]: () => String(call) });
  };

const read = simple('read');
const write = simple('write');

function savedVersioned(key: string, value: ChatSession, asNew: boolean): Plan {
  return () => {
    let version: number | null = null;
    let change: number | undefined;
    return {
      kind: 'write',
      needs: 'saveVersioned',
      prepare: async (store, model) => {
        if (asNew) return;
        version = (await store.getVersioned(key))?.version ?? null;
        change = model.sessions.get(key)?.change;
      },
      call: (store) =>
        store.saveVersioned(key, value, { ifVersion: version }).then(
          () => 'saved',
          (error: { code?: string }) => error.code,
        ),
      answer: (model) => {
        if (model.sessions.get(key)?.change !== change) return 'ERR_CONFLICT';
        model.save(key, value);
        return 'saved';
      },
    };
  };
}

function appended(key: string, messages: ChatMessage[]): Plan {
  return write(
    (store) => store.appendMessages(key, messages).catch((error: { code?: string }) => error.code),
    (model) => {
      const stored = model.sessions.get(key)?.session;
      if (stored === undefined) return 'ERR_SESSION_UNKNOWN';
      const all = [...stored.messages, ...messages];
      model.save(key, { ...stored, messages: all });
      return all.length;
    },
    'appendMessages',
  );
}

function pruned(updatedBefore: Date, dryRun: boolean): Plan {
  const call = async (store: Store): Promise<unknown> => {
    const { sessions, messages } = await store.prune({ updatedBefore, dryRun });
    return { sessions, messages };
  };
  const answer = (model: Model): unknown => {
    const old = [...model.sessions].filter(([, stored]) => stored.session.updatedAt < updatedBefore);
    if (!dryRun) for (const [key] of old) model.sessions.delete(key);
    return { sessions: old.length, messages: old.reduce((sum, [, stored]) => sum + stored.session.messages.length, 0) };
  };
  return () => ({ kind: 'write', alone: true, needs: 'prune', call, answer });
}

/** Every kind of call, the frequent ones more often. */
export const plan: fc.Arbitrary<Plan> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(id, session).map(([key, value]) =>
      write(
        (store) => store.saveSession(key, value),
        (model) => model.save(key, value),
      ),
    ),
  },
  { weight: 5, arbitrary: fc.tuple(id, fc.array(message, { maxLength: 3 })).map(([key, list]) => appended(key, list)) },
  { weight: 3, arbitrary: fc.tuple(id, session, fc.boolean()).map((parts) => savedVersioned(...parts)) },
  { weight: 2, arbitrary: id.map((key) => write((s) => s.deleteSession(key), (m) => m.sessions.delete(key))) }, // prettier-ignore
  {
    weight: 4,
    arbitrary: fc.tuple(id, fc.oneof(text, extra), fc.constantFrom(undefined, 1_000)).map(([key, value, ttl]) =>
      write(
        (store) => store.set(key, value, ttl),
        (model) => void model.keys.set(key, { value, ends: ttl !== undefined }),
      ),
    ),
  },
  { weight: 2, arbitrary: id.map((key) => write((s) => s.delete(key), (m) => m.keys.delete(key))) }, // prettier-ignore
  {
    weight: 2,
    arbitrary: fc.array(fc.tuple(id, session), { maxLength: 3 }).map((pairs) =>
      write(
        (store) => store.saveSessions(pairs),
        (model) => pairs.forEach(([key, value]) => model.save(key, value)),
        'saveSessions',
      ),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.array(id, { maxLength: 3 }).map((ids) =>
      write(
        (store) => store.deleteSessions(ids),
        (model) => ids.filter((key) => model.sessions.delete(key)).length,
        'deleteSessions',
      ),
    ),
  },
  { weight: 1, arbitrary: fc.tuple(moment, fc.boolean()).map((parts) => pruned(...parts)) },
  { weight: 1, arbitrary: fc.constant(write((store) => store.clear(), (model) => (model.sessions.clear(), model.keys.clear()))) }, // prettier-ignore
  { weight: 6, arbitrary: id.map((key) => read((s) => s.getSession(key), (m) => m.sessions.get(key)?.session ?? null)) }, // prettier-ignore
  {
    weight: 3,
    arbitrary: fc.tuple(id, range).map(([key, part]) =>
      read(
        (store) => store.getMessages(key, part),
        (model) => {
          const messages = model.sessions.get(key)?.session.messages;
          const before = messages?.slice(0, part.before ?? Infinity) ?? [];
          const newest = before.slice(Math.max(0, before.length - (part.last ?? Infinity)));
          return messages === undefined ? null : newest.slice(0, part.limit ?? Infinity);
        },
        'getMessages',
      ),
    ),
  },
  {
    weight: 2,
    arbitrary: id.map((key) =>
      read(
        async (store) => (await store.getSessionInfo(key))?.messageCount,
        (model) => model.sessions.get(key)?.session.messages.length,
        'getSessionInfo',
      ),
    ),
  },
  { weight: 3, arbitrary: listOptions.map((options) => read((s) => s.listSessions(options), (m) => m.list(options))) }, // prettier-ignore
  { weight: 2, arbitrary: listOptions.map((options) => read((s) => collect(s.sessions(options)), (m) => m.list(options), 'sessions')) }, // prettier-ignore
  { weight: 3, arbitrary: id.map((key) => read((s) => s.get(key), (m) => (m.keys.has(key) ? m.keys.get(key)?.value : null))) }, // prettier-ignore
  { weight: 2, arbitrary: id.map((key) => read((s) => s.has(key), (m) => m.keys.has(key))) }, // prettier-ignore
  {
    weight: 1,
    arbitrary: id.map((key) =>
      read(
        async (store) => Number.isFinite((await store.getExpiry(key)) ?? Infinity),
        (model) => model.keys.get(key)?.ends ?? false,
        'getExpiry',
      ),
    ),
  },
  { weight: 1, arbitrary: fc.constant(read((s) => collect(s.keys()), (m) => [...m.keys.keys()].sort(byBytes), 'keys')) }, // prettier-ignore
  {
    weight: 1,
    arbitrary: fc.constant(
      read(
        async (store) => {
          const { sessions, keys } = await store.getStats();
          return { sessions, keys };
        },
        (model) => ({ sessions: model.sessions.size, keys: model.keys.size }),
      ),
    ),
  },
);
