'use strict';

/** Random lives of an emitter: what is done to it, and a diary of everything that can be seen of it. */
const { EventEmitter, errorMonitor } = require('node:events');

const fc = require('fast-check');

const LISTENERS = 5;
const NAMES = [
  'a',
  'b',
  'error',
  errorMonitor,
  'newListener',
  'removeListener',
  Symbol('event'),
  'toString',
  '__proto__',
  undefined,
  5,
];
/** So deep may listeners emit; an endless game would tell nothing more. */
const DEEPEST = 4;
/** After so many entries listeners only listen: they could breed without end. */
const LONGEST = 300;

// The first names are what most happens to; the others are the corners.
const name = fc.oneof({ arbitrary: fc.nat(1), weight: 5 }, { arbitrary: fc.nat(NAMES.length - 1), weight: 2 });
const listener = fc.nat(LISTENERS - 1);
const args = fc.nat(5);
const said = (word) => fc.constant(word);

/** What a listener does when it is called, besides writing it down. */
const deed = fc.oneof(
  { arbitrary: fc.record({ does: said('nothing') }), weight: 4 },
  fc.record({ does: fc.constantFrom('throw', 'reject', 'removeSelf') }),
  fc.record({ does: fc.constantFrom('add', 'remove'), name, listener }),
  fc.record({ does: said('emit'), name, args }),
  fc.record({ does: said('removeAll'), name }),
);

const METHODS = ['on', 'on', 'prependListener', 'once', 'prependOnceListener', 'off'];

/** What is done to the emitter. Foreign calls go past whatever a subclass may have overridden, as streams do it. */
const step = fc.oneof(
  { arbitrary: fc.record({ does: said('call'), method: fc.constantFrom(...METHODS), name, listener }), weight: 5 },
  fc.record({ does: said('foreign'), method: fc.constantFrom('on', 'removeListener'), name, listener }),
  fc.record({ does: said('removeAll'), name: fc.option(name) }),
  { arbitrary: fc.record({ does: said('emit'), name, args }), weight: 7 },
  fc.record({ does: said('look'), name, listener }),
  fc.record({ does: said('setMax'), max: fc.nat(2) }),
);

const script = fc.record({
  captureRejections: fc.boolean(),
  deeds: fc.array(deed, { minLength: LISTENERS, maxLength: LISTENERS }),
  steps: fc.array(step, { minLength: 1, maxLength: 20 }),
});

/** Plays a script with an emitter and gives its diary. */
async function play(emitter, { deeds, steps }) {
  const diary = [];
  let depth = 0;
  const listeners = deeds.map(
    (does, index) =>
      function listen(...given) {
        diary.push(['called', index, this === emitter, given.length, given.map(plain)]);
        if (depth >= DEEPEST || diary.length > LONGEST) return undefined;
        depth += 1;
        try {
          return act(does, index);
        } finally {
          depth -= 1;
        }
      },
  );

  /** Errors and listeners of two lives are never the same object; what they are is. */
  function plain(value) {
    if (value instanceof Error) return `error ${value.message}`;
    if (typeof value === 'function') return `listener ${listeners.indexOf(value.listener ?? value)}`;
    return value;
  }

  function emit(event, count) {
    const given = Array.from({ length: count }, (_, index) => (index === 0 ? new Error('first') : index));
    diary.push(['returned', emitter.emit(NAMES[event], ...given)]);
  }

  function act(deed, index) {
    switch (deed.does) {
      case 'throw':
        throw new Error(`thrown by ${index}`);
      case 'reject':
        return Promise.reject(new Error(`rejected by ${index}`));
      case 'removeSelf':
        return void NAMES.forEach((event) => emitter.off(event, listeners[index]));
      case 'add':
        return void emitter.on(NAMES[deed.name], listeners[deed.listener]);
      case 'remove':
        return void emitter.off(NAMES[deed.name], listeners[deed.listener]);
      case 'emit':
        return emit(deed.name, deed.args);
      case 'removeAll':
        return void emitter.removeAllListeners(NAMES[deed.name]);
      default:
        return undefined;
    }
  }

  function take(one) {
    switch (one.does) {
      case 'call':
        emitter[one.method](NAMES[one.name], listeners[one.listener]);
        break;
      case 'foreign':
        EventEmitter.prototype[one.method].call(emitter, NAMES[one.name], listeners[one.listener]);
        break;
      case 'removeAll':
        emitter.removeAllListeners(...(one.name === null ? [] : [NAMES[one.name]]));
        break;
      case 'emit':
        emit(one.name, one.args);
        break;
      case 'setMax':
        emitter.setMaxListeners(one.max);
        break;
      default:
        look(NAMES[one.name], listeners[one.listener]);
    }
  }

  function look(event, one) {
    diary.push(['listeners', emitter.listeners(event).map(plain), emitter.rawListeners(event).map(plain)]);
    diary.push(['count', emitter.listenerCount(event), emitter.listenerCount(event, one)]);
    diary.push(['names', emitter.eventNames().map(String), emitter.getMaxListeners()]);
  }

  for (const one of steps) {
    try {
      take(one);
    } catch (error) {
      diary.push(['threw', error.message, error.code]);
    }
  }
  // Captured rejections come as error events a little later, and what those throw later still.
  for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
  diary.push(['names', emitter.eventNames().map(String)]);
  return diary;
}

module.exports = { play, script };
