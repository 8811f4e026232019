'use strict';

/** What a child tells, on a pipe that outlives it; by a call that no file is written with, so that faults pass it by. */
const { writevSync } = require('node:fs');

const PIPE = 3;
const END = Buffer.from('\n');

/** With the kernel before this returns. */
exports.say = (...words) => {
  const line = Buffer.from(words.join(' '));
  for (let written = writevSync(PIPE, [line, END]); written < line.length + 1;) {
    written += writevSync(PIPE, [line.subarray(written), END]);
  }
};
