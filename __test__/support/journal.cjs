'use strict';

/**
 * What a child under test tells its parent, on a pipe that outlives it: a write was begun, a write was acknowledged.
 * Each line is with the kernel before the call returns, so a kill takes none of them back.
 */
const { writeSync } = require('node:fs');

/** The pipe that `kill-loop.ts` opens beside the usual three. */
const PIPE = 3;

/** Call before the write, in the same tick. */
exports.begin = (token) => writeSync(PIPE, `begin ${token}\n`);

/** Call once its promise has resolved. */
exports.done = (token) => writeSync(PIPE, `done ${token}\n`);
