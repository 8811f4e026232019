/** Saving sessions: what changed, or all of it, small ones at once and large ones in pieces. */
import { listed } from '../../codec/session-shape.js';
import { CorruptionError } from '../../errors.js';
import type { ChatMessage, ChatSession } from '../../types.js';
import { SnapshotCache, type Snapshot } from '../changes/cache.js';
import { keep } from '../changes/kept.js';
import { MessageList, SPACING } from '../changes/message-list.js';
import { Stamps } from '../changes/stamps.js';
import { sessionName } from '../pending-writes.js';
import type { Turn } from '../turns.js';
import type { Begin, Connection } from './connection.js';
import { saveInPieces, type Image } from './large-saves.js';
import type { CheckedOptions } from './options.js';
import { stateOf, type SessionState } from './session-state.js';
import { SessionText } from './session-text.js';
import type { UnsettledSave } from './unsettled-saves.js';

/** The manners of one save. */
export interface SaveManners {
  /** Whether it is to survive a power cut. */
  power: boolean;
  /** The version that must be stored; `MUST_NOT_EXIST`; absent: whatever is there. */
  ifVersion?: number;
}

export const MUST_NOT_EXIST = -1;

/** A session of a batch. */
interface BatchImage {
  /** Without its messages. */
  image: Image;
  text: SessionText;
  /** It has been saved. */
  learn(): void;
}

/** Characters that are written at once; more go in pieces. */
const SMALL = 2 ** 16;

/** What a save counts in the queue beside its texts, or more. */
const BESIDE = 256;

/** Saves the sessions of one connection, and remembers what it has sent. */
export class SessionSaves {
  readonly snapshots: SnapshotCache;
  readonly #connection: Connection;
  readonly #encoding: CheckedOptions['encoding'];
  readonly #stamps = new Stamps();
  /** How often damage was met. */
  #distrusted = 0;

  constructor(connection: Connection, options: CheckedOptions) {
    this.#connection = connection;
    this.#encoding = options.encoding;
    this.snapshots = new SnapshotCache(options.snapshotBytes);
  }

  /** Saves a session as it is now; answers with its version. */
  save(id: string, session: ChatSession, manners: SaveManners): Promise<number> {
    const state = stateOf(session, this.snapshots.get(id), this.#encoding);
    this.#connection.open();
    const snapshot = { messages: state.messages, stamp: this.#stamps.next() };
    this.snapshots.set(id, snapshot);
    // Bound, not closed over: what the engine has compiled for a closure goes with the last of them.
    const begin = this.#send.bind(this, id, state, snapshot, manners);
    const save = this.#connection.turns.take(id, state.delta === null ? 'other' : 'changes', begin);
    return this.#orForget(id, this.#connection.write(sessionName(id), save));
  }

  #send(id: string, state: SessionState, snapshot: Snapshot, manners: SaveManners, turn: Turn): Promise<number> {
    return state.delta === null
      ? this.#saveWhole(id, state, snapshot, manners, turn.sent)
      : this.#saveChanges(id, state, state.delta, snapshot.stamp, manners, turn);
  }

  /** Adds messages as they are now; answers with the new count. */
  async append(id: string, messages: readonly ChatMessage[], power: boolean): Promise<number> {
    const all = listed(messages, this.#encoding.unsupported === 'json');
    const kept = all.map((message, at) => keep(message, at, this.#encoding));
    const text = new SessionText(MessageList.inFull(kept), this.#encoding).next(Infinity);
    this.#connection.open();
    const known = this.snapshots.get(id);
    const distrusted = this.#distrusted;
    // Until the answer nobody knows where the new ones stand.
    this.snapshots.forget(id);
    const stamp = this.#stamps.next();
    const append = this.#connection.turns.take(id, 'other', (turn) => {
      const now = Date.now();
      const answer = this.#connection.go<string[]>((binary, handle, slot) =>
        binary.storageAppendMessages(
          ...([handle, slot, id, text.texts, text.types, kept.length, now, new Date(now).toISOString()] as const),
          ...([stamp, power] as const),
        ),
      );
      turn.sent();
      return answer;
    });
    const answer = await this.#connection.write(sessionName(id), append);
    const [count, first, previous] = answer.map(Number) as [number, number, number];
    if (distrusted !== this.#distrusted) return count;
    const base = [known, this.snapshots.get(id)].find((snapshot) => snapshot?.stamp === previous);
    if (base !== undefined && (this.snapshots.get(id) ?? base) === base) {
      const positions = kept.map((_, at) => first + at * SPACING);
      this.snapshots.set(id, { messages: base.messages.followedBy(kept, positions), stamp });
    }
    return count;
  }

  /**
   * A session, or where none is named anything, was found damaged: the next save replaces all of it. Changes would be made to
   * what is not there any more, and the damage would stay.
   */
  distrust(id?: string): void {
    this.#distrusted += 1;
    if (id === undefined) this.snapshots.clear();
    else this.snapshots.forget(id);
  }

  /** Takes what a read has found, unless a later state is known. */
  learn(id: string, snapshot: Snapshot): void {
    const known = this.snapshots.get(id);
    if (known === undefined || known.stamp === snapshot.stamp) this.snapshots.set(id, snapshot);
  }

  /** A session of a batch, as it is now. */
  image(id: string, session: ChatSession): BatchImage {
    const state = stateOf(session, undefined, this.#encoding);
    this.snapshots.forget(id);
    const image = imageOf(id, state, this.#stamps.next(), {});
    return {
      image,
      text: new SessionText(state.messages, this.#encoding),
      learn: () => this.learn(id, { messages: state.messages.weighed(), stamp: image.stamp }),
    };
  }

  async #saveChanges(
    id: string,
    state: SessionState,
    { base, changes }: NonNullable<SessionState['delta']>,
    stamp: number,
    manners: SaveManners,
    turn: Turn,
  ): Promise<number> {
    const { head, activeAgent, createdAt, updatedAt } = state.head;
    const { unsettled } = this.#connection;
    const { written, lifted } = changes;
    const save: UnsettledSave = {
      session: id,
      unconditional: manners.ifVersion === undefined,
      refused: false,
      awaited: false,
      characters: written.reduce((sum, { text }) => sum + text.length, head.text.length + lifted.characters + BESIDE),
      sendInFull: this.#saveAgain.bind(this, id, state, stamp, manners),
    };
    const begin: Begin = (binary, handle, slot) =>
      binary.storageSaveChanges(
        handle,
        slot,
        {
          id,
          data: head.text,
          createdAt,
          updatedAt,
          baseStamp: base,
          stamp,
          removed: Float64Array.from(changes.removed),
          positions: Float64Array.from(changes.positions),
          messages: [written.map(({ text }) => text).join('\n'), ...lifted.texts],
          messageTypes: written.map(({ types }) => types ?? '').join('\n'),
          messageCount: state.messages.length,
          ...(head.types === null ? {} : { types: head.types }),
          ...(activeAgent === undefined ? {} : { activeAgent }),
          ...(manners.ifVersion === undefined ? {} : { ifVersion: manners.ifVersion }),
        },
        manners.power,
      );
    const answer = this.#connection.go<number | null>(begin, 'write', {
      heard: unsettled.heard.bind(unsettled, save),
    });
    unsettled.add(save);
    turn.sent();
    save.awaited = true;
    try {
      const version = await answer;
      if (version !== null) return version;
    } catch (error) {
      // Nothing of it is stored, and what it was to change is damaged or gone: all of it may still be written.
      if (!(error instanceof CorruptionError)) throw error;
    } finally {
      if (!save.refused) unsettled.remove(save);
    }
    return turn.again(() => {
      unsettled.remove(save);
      return save.sendInFull() as Promise<number>;
    });
  }

  /** Somebody else has changed it, or it is damaged: all of it is written, as it was at the call. */
  #saveAgain(id: string, state: SessionState, stamp: number, manners: SaveManners): Promise<number> {
    const messages = MessageList.inFull(state.messages.slice());
    const snapshot = { messages, stamp: this.#stamps.next() };
    this.snapshots.replace(id, stamp, snapshot);
    return this.#saveWhole(id, { ...state, messages }, snapshot, manners, () => undefined);
  }

  #saveWhole(
    id: string,
    state: SessionState,
    snapshot: Snapshot,
    manners: SaveManners,
    sent: () => void,
  ): Promise<number> {
    const text = new SessionText(state.messages, this.#encoding);
    const image = imageOf(id, state, snapshot.stamp, manners);
    const first = text.next(SMALL);
    if (!text.done) {
      const allSent = this.#allSent.bind(this, id, snapshot, sent);
      return saveInPieces(this.#connection, image, first, text, manners.power, allSent);
    }
    image.messages = first.texts;
    image.messageTypes = first.types;
    const answer = this.#connection.go<number>((binary, handle, slot) =>
      binary.storageSaveSession(handle, slot, image, manners.power),
    );
    this.#allSent(id, snapshot, sent);
    return answer;
  }

  /** Now that the text is there, it is known what the messages weigh. */
  #allSent(id: string, snapshot: Snapshot, sent: () => void): void {
    this.snapshots.replace(id, snapshot.stamp, { ...snapshot, messages: snapshot.messages.weighed() });
    sent();
  }

  /** After a failure nobody knows what the store has. */
  #orForget(id: string, save: Promise<number>): Promise<number> {
    return save.catch((error: unknown) => {
      this.snapshots.forget(id);
      throw error;
    });
  }
}

function imageOf(id: string, { head }: SessionState, stamp: number, { ifVersion }: Partial<SaveManners>): Image {
  const { text, types } = head.head;
  return {
    id,
    data: text,
    createdAt: head.createdAt,
    updatedAt: head.updatedAt,
    messages: [''],
    messageTypes: '',
    stamp,
    ...(types === null ? {} : { types }),
    ...(head.activeAgent === undefined ? {} : { activeAgent: head.activeAgent }),
    ...(ifVersion === undefined ? {} : { ifVersion }),
  };
}
