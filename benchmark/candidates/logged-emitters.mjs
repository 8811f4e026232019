/** Emitters that also log: `emit(name, agent, result)`, and `flush()`, after which everything is with the kernel. */
import { EventEmitter } from 'node:events';
import { appendFileSync, closeSync, createWriteStream, openSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { settingsOf } from '../rivals.mjs';
import { lineOf } from './logs.mjs';

const fileIn = (directory) => join(directory, 'events.jsonl');

export const loggedEmitters = {
  'smalltalk-native': async (directory) => {
    const { JsonlEventReplayStorage, SmallTalkEventBus } = await import('./ours.mjs');
    const log = new JsonlEventReplayStorage({ directory: join(directory, 'events') });
    const bus = new SmallTalkEventBus({ log });
    const close = async () => {
      await bus.close();
      await log.close();
    };
    return { emitter: bus, flush: () => bus.flush(), close };
  },

  'JSON.stringify': () => ({ emitter: new Floor(), flush: async () => {}, close: async () => {} }),

  createWriteStream: (directory) => {
    const stream = createWriteStream(fileIn(directory));
    const emitter = new LoggedEmitter((text) => stream.write(text));
    const ended = () => new Promise((resolve) => stream.end(resolve));
    return { emitter, flush: () => new Promise((resolve) => stream.write('', resolve)), close: ended };
  },

  'fs.appendFileSync': (directory) => {
    const descriptor = openSync(fileIn(directory), 'a');
    const emitter = new LoggedEmitter((text) => appendFileSync(descriptor, text));
    return { emitter, flush: async () => {}, close: async () => closeSync(descriptor) };
  },

  'sonic-boom': async (directory) => {
    const { default: SonicBoom } = await import('sonic-boom');
    const boom = new SonicBoom({ dest: fileIn(directory), ...settingsOf('sonic-boom') });
    const emitter = new LoggedEmitter((text) => boom.write(text));
    return { emitter, flush: promisify(boom.flush.bind(boom)), close: async () => boom.end() };
  },
};

/** The text of the record that our log keeps, and nothing else: no emitter, no id to make, nowhere to go. */
class Floor {
  #listener;
  #characters = 0;

  on(_event, listener) {
    this.#listener = listener;
  }

  emit(topic, ...payload) {
    const id = '019ab000-0000-7000-8000-000000000000';
    const record = { seq: 1, id, topic, payload, priority: 'normal', timestamp: Date.now(), sessionId: 'default' };
    this.#characters += JSON.stringify(record).length;
    this.#listener(...payload);
  }
}

class LoggedEmitter extends EventEmitter {
  #write;
  #seq = 0;

  constructor(write) {
    super();
    this.#write = write;
  }

  emit(event, ...args) {
    this.#write(lineOf({ topic: event, payload: args, timestamp: Date.now(), priority: 'normal' }, ++this.#seq));
    return super.emit(event, ...args);
  }
}
