/**
 * Loaded before the package: notes what is done with timers, as `global.touched`. Who is ended in the midst of that leaves Node
 * with a count of them that is wrong for good.
 */
'use strict';
const timers = require('node:timers');

const touched = [];
global.touched = touched;

const note = (of, name) => {
  const real = of[name];
  of[name] = function (...args) {
    touched.push(name);
    return Reflect.apply(real, this, args);
  };
};

for (const [set, clear] of [
  ['setTimeout', 'clearTimeout'],
  ['setInterval', 'clearInterval'],
  ['setImmediate', 'clearImmediate'],
]) {
  const one = timers[set](() => undefined, 0);
  const made = Object.getPrototypeOf(one);
  timers[clear](one);
  if (set !== 'setInterval') for (const name of ['ref', 'unref']) note(made, name);
  note(timers, set);
  note(timers, clear);
}
