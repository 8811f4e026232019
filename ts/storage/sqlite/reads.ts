/** Reading sessions: small ones on the calling thread, large ones in pieces with the loop let run in between. */
import type { Encoded } from '../../codec.js';
import { CorruptionError, StorageError } from '../../errors.js';
import type { Native } from '../../native.js';
import { decodeMessages, withMessages } from '../../session.js';
import { monotonic } from '../../timers.js';
import type { ChatMessage, ChatSession } from '../../types.js';
import type { MessageRange, SessionInfo } from '../capabilities.js';
import { sessionName } from '../pending-writes.js';
import { assemblyOf, listOf, shapeOf, takePiece, type Assembly } from './assembly.js';
import type { Connection } from './connection.js';
import { Intake } from './intake.js';
import type { CheckedOptions } from './options.js';
import type { SessionSaves } from './saves.js';

/** What is read of a session. */
export interface ReadSession {
  session: ChatSession;
  version: number;
}

/** What the binary tells of a session: times in milliseconds since the epoch. */
interface StoredInfo {
  messageCount: number;
  messageBytes: number;
  dataBytes: number;
  activeAgent?: string | null;
  createdAt: number;
  updatedAt: number;
  version: number;
}

const NOTHING_TAKEN = ['', '', new Int32Array(0)] as const;

/** So much of `timeoutMs` at the most saves wait for who reads several sessions together: it must not make them late. */
const MOST_HELD = 1 / 4;

/** Reads the sessions of one connection. */
export class SessionReads {
  readonly #connection: Connection;
  readonly #options: CheckedOptions;
  readonly #saves: SessionSaves;
  /** How many sets of sessions were asked for. */
  #sets = 0;

  constructor(connection: Connection, options: CheckedOptions, saves: SessionSaves) {
    this.#connection = connection;
    this.#options = options;
    this.#saves = saves;
  }

  /** A session and its version; null where there is none. */
  async read(id: string): Promise<ReadSession | null> {
    this.#connection.open();
    return this.#inTurn(id);
  }

  /** Several sessions as they were at one moment; null for those that there are not. */
  async together(all: readonly string[]): Promise<Map<string, ReadSession | null>> {
    this.#connection.open();
    const ids = [...new Set(all)];
    const [one] = ids;
    // One is of one moment anyhow.
    if (one !== undefined && ids.length === 1) return new Map([[one, await this.#inTurn(one)]]);
    // A line of its own, under no id: whoever waits for everything, a close above all, waits for every round of it.
    this.#sets += 1;
    return this.#connection.turns.take(`\0${this.#sets}`, 'read', () => this.#set(ids));
  }

  async #set(ids: readonly string[]): Promise<Map<string, ReadSession | null>> {
    const found = new Map(await Promise.all(ids.map(async (id) => [id, await this.#inTurn(id)] as const)));
    const { turns } = this.#connection;
    const { timeoutMs } = this.#options;
    const end = monotonic() + timeoutMs;
    const read = (id: string): Promise<ReadSession | null> => this.#inPieces(id, this.#inOrder(id));
    let stale = await this.#stale(found);
    if (stale.length > 0) {
      // A loop of saves would send its next one whenever it hears of the last, and so between any two rounds.
      stale = await turns.hold(ids, () => this.#readAnew(found, stale, read, monotonic() + timeoutMs * MOST_HELD));
      // Others than our own saves come in between, and these have waited for long enough: each is read in its turn.
      stale = await this.#readAnew(found, stale, (id) => turns.hold([id], () => read(id)), end);
    }
    if (stale.length === 0) return found;
    throw new StorageError('ERR_TIMEOUT', 'the sessions were changed for as long as they were read');
  }

  /** Reads what has changed until nothing has, or the end has come; answers with what has changed then. */
  async #readAnew(
    found: Map<string, ReadSession | null>,
    changed: readonly string[],
    read: (id: string) => Promise<ReadSession | null>,
    end: number,
  ): Promise<string[]> {
    let stale = [...changed];
    while (stale.length > 0 && monotonic() <= end) {
      await Promise.all(stale.map(async (id) => found.set(id, await read(id))));
      stale = await this.#stale(found);
    }
    return stale;
  }

  /** Which of the sessions have changed since they were read: of the others none had at this moment. */
  async #stale(found: ReadonlyMap<string, ReadSession | null>): Promise<string[]> {
    const ids = [...found.keys()];
    const inOrder = this.#connection.inOrderOfAny(ids.map(sessionName));
    const text = await this.#connection.go<string>(
      (binary, handle, slot) => binary.storageSessionVersions(handle, slot, ids, inOrder),
      'read',
    );
    const versions = JSON.parse(text) as (number | null)[];
    return ids.filter((id, at) => (found.get(id)?.version ?? null) !== versions[at]);
  }

  #inOrder(id: string): boolean {
    return this.#connection.inOrder(sessionName(id));
  }

  async #inTurn(id: string): Promise<ReadSession | null> {
    const { turns } = this.#connection;
    const name = sessionName(id);
    const here = this.#options.readsHere && !turns.busy(id) && !this.#connection.inOrder(name);
    if (here && !this.#connection.here.mayRead()) return this.#whenTurned(id);
    const found = here ? this.#here(id) : undefined;
    if (found !== undefined) return found;
    return turns.take(id, 'read', (turn) => {
      const answer = this.#inPieces(id, this.#connection.inOrder(name));
      turn.sent();
      return answer;
    });
  }

  /** Enough has been read here until the loop turns. What is asked for later waits behind it. */
  #whenTurned(id: string): Promise<ReadSession | null> {
    const { turns, pace } = this.#connection;
    const read = async (): Promise<ReadSession | null> => {
      const found = this.#here(id);
      return found === undefined ? this.#inPieces(id, this.#inOrder(id)) : found;
    };
    return turns.take(
      id,
      'read',
      (turn) =>
        new Promise((resolve) =>
          pace.begin(() => {
            resolve(read());
            turn.sent();
            return false;
          }),
        ),
    );
  }

  /** A part of a session's messages; null where there is no session. */
  async part(id: string, range: Required<MessageRange>): Promise<ChatMessage[] | null> {
    // The binary has no word for infinity.
    const [last, before, limit] = [range.last, range.before, range.limit].map((bound) =>
      bound === Infinity ? -1 : bound,
    ) as [number, number, number];
    this.#connection.open();
    return this.#connection.turns.take(id, 'read', (turn) => {
      const inOrder = this.#inOrder(id);
      const messages: ChatMessage[] = [];
      const take = (...texts: [string, string]): void => {
        for (const message of decodeMessages(...texts)) messages.push(message);
      };
      const intake = new Intake<[string, string]>(this.#connection, ([text, types]) => take(text, types));
      const answer = intake.read((binary, handle, slot, channel) =>
        binary.storageReadMessages(handle, slot, channel, id, last, before, limit, inOrder),
      );
      turn.sent();
      return answer.then(
        (rest) => {
          if (rest === null) return null;
          take(...rest);
          return messages;
        },
        (error: unknown) => this.#failed(id, error),
      );
    });
  }

  /** What can be told of a session without its messages; null where there is none. */
  async info(id: string): Promise<SessionInfo | null> {
    const name = sessionName(id);
    const text = await this.#connection.turn<string | null>(
      id,
      (binary, handle, slot) => binary.storageSessionInfo(handle, slot, id, this.#connection.inOrder(name)),
      'read',
    );
    if (text === null) return null;
    const { messageBytes, dataBytes, activeAgent, ...info } = JSON.parse(text) as StoredInfo;
    return {
      ...info,
      sizeBytes: messageBytes + dataBytes,
      // As JSON says it, there is an agent or null.
      ...(typeof activeAgent === 'string' ? { activeAgent } : {}),
      createdAt: new Date(info.createdAt),
      updatedAt: new Date(info.updatedAt),
    };
  }

  /** A small session, read on this thread; null where there is none, undefined where another one has to read it. */
  #here(id: string): ReadSession | null | undefined {
    try {
      const found = this.#connection.now((binary, handle) => binary.storageReadSmall(handle, id));
      return found && this.#small(id, found);
    } catch (error) {
      return this.#failed(id, error);
    }
  }

  /** Whoever reads that a session is damaged is to be able to save what he has over it. */
  #failed(id: string, error: unknown): never {
    if (error instanceof CorruptionError) this.#saves.distrust(id);
    throw error;
  }

  #small(id: string, found: NonNullable<ReturnType<Native['storageReadSmall']>>): ReadSession {
    const [text, types, version, stamp, ...piece] = found;
    const assembly = assemblyOf(this.#options);
    takePiece(assembly, [...piece, ...NOTHING_TAKEN], this.#options);
    return this.#whole(id, { text, types }, version, stamp, assembly);
  }

  async #inPieces(id: string, inOrder: boolean): Promise<ReadSession | null> {
    const assembly = assemblyOf(this.#options);
    type Head = [text: string, types: string | null, version: string, stamp: string];
    const intake = new Intake<Head>(this.#connection, (piece) => takePiece(assembly, piece, this.#options));
    try {
      const head = await intake.read((binary, handle, slot, channel) =>
        binary.storageReadSession(handle, slot, channel, id, inOrder),
      );
      if (head === null) return null;
      const [text, types, version, stamp] = head;
      return this.#whole(id, { text, types }, Number(version), Number(stamp), assembly);
    } catch (error) {
      return this.#failed(id, error);
    }
  }

  #whole(id: string, head: Encoded, version: number, stamp: number, assembly: Assembly): ReadSession {
    const { messages } = assembly;
    const session = withMessages(head, messages);
    const list = listOf(assembly);
    if (list !== null) this.#saves.learn(id, { messages: list, stamp, shape: shapeOf(assembly) });
    return { session, version };
  }
}
