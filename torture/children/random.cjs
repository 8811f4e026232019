'use strict';

/** Numbers below a bound that come from a seed alone. */
exports.randomOf = (seed) => {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
};
