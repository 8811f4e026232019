/**
 * Emitters behind the one call that the loop makes: `emit(name, agent, step)`. Where an emitter has that call itself, it
 * is handed out as it is: a wrapper would be measured with it.
 */
import { EventEmitter } from 'node:events';

/** A listener that takes the arguments, or the one object they are members of, and notes that it was called. */
const spread = (seen, args) =>
  args < 2
    ? () => {
        seen.calls += 1;
      }
    : (agent, step) => {
        seen.calls += 1;
        seen.last = step;
      };
const packed = (seen, args) =>
  args < 2
    ? () => {
        seen.calls += 1;
      }
    : (members) => {
        seen.calls += 1;
        seen.last = members.step;
      };

/** Each gives the emitter, how its listeners are made, and whether an emit is to be awaited. */
export const emitters = {
  'smalltalk-native': async ({ history, monitor }) => {
    const { AgentHealthMonitor, SmallTalkEventBus } = await import('./ours.mjs');
    // It watches the loop, so that dispatches say what they are.
    if (monitor) new AgentHealthMonitor().start();
    return { emitter: new SmallTalkEventBus(history ? {} : { historyLimit: 0 }), listener: spread };
  },
  'node:events': () => ({ emitter: new EventEmitter(), listener: spread }),
  "origin's design": () => ({ emitter: new OriginEventBus(), listener: spread }),
  eventemitter3: async () => {
    const { EventEmitter: EventEmitter3 } = await import('eventemitter3');
    return { emitter: new EventEmitter3(), listener: spread };
  },
  tseep: async () => {
    const { default: tseep } = await import('tseep');
    return { emitter: new tseep.EventEmitter(), listener: spread };
  },
  mitt: async () => {
    const { default: mitt } = await import('mitt');
    return { emitter: packing(mitt()), listener: packed };
  },
  emittery: async () => {
    const { default: Emittery } = await import('emittery');
    return { emitter: packing(new Emittery()), listener: packed, awaited: true };
  },
};

/** For emitters that take one argument. */
function packing(inner) {
  return {
    on: (name, listener) => inner.on(name, listener),
    emit: (name, agent, step, third, fourth) => inner.emit(name, { agent, step, third, fourth }),
  };
}

const HISTORY = 1_000;

/** The bus of the origin's research, as its section 1 describes it: every event becomes an object in a ring. */
class OriginEventBus extends EventEmitter {
  history = new Ring(HISTORY);

  emit(event, ...args) {
    this.history.push({ event: String(event), args, timestamp: Date.now(), metadata: {} });
    return super.emit(String(event), ...args);
  }
}

class Ring {
  #slots;
  #next = 0;

  constructor(capacity) {
    this.#slots = new Array(capacity).fill(null);
  }

  push(item) {
    this.#slots[this.#next] = item;
    this.#next = (this.#next + 1) % this.#slots.length;
  }
}
