/** The three agents: each speaks when the floor is handed to it, and answers the monitor's pings. */
import { EventEmitter, once } from 'node:events';

import { pieces } from './transcript.mjs';

/** So many drafts of a message are stored while it streams, */
const PIECES = 60;
/** and so many of them may be on their way at once: while an agent speaks, something is always being written. */
const WINDOW = 4;

export class Agent extends EventEmitter {
  #hung = false;

  constructor(id, { bus, drafts }) {
    super();
    this.id = id;
    this.bus = bus;
    this.drafts = drafts;
    bus.on('agent_handoff', (_from, to, message) => {
      if (to === id && bus.current === null) void this.speak(message).catch((error) => bus.emit('error', error));
    });
  }

  /** Streams a message piece by piece, keeps the draft of it in the store, then says it on the bus. */
  async speak(message) {
    if (this.#hung) await once(this, 'restarted');
    const writes = [];
    let draft = '';
    for (const [index, piece] of pieces(message.content, PIECES).entries()) {
      draft += piece;
      writes.push(this.drafts.keep(message.id, { turn: message.id, piece: index + 1, text: draft }));
      if (writes.length === WINDOW) await writes.shift();
    }
    await Promise.all(writes);
    this.emit('response_generated', message);
    this.bus.emit('message', this.id, message);
  }

  /** From now on it neither speaks nor answers: a model call that never comes back. */
  hang() {
    this.#hung = true;
  }

  ping() {
    return this.#hung ? new Promise(() => {}) : Promise.resolve('pong');
  }

  async restart() {
    this.#hung = false;
    this.emit('restarted');
  }
}
