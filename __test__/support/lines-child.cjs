'use strict';

/** Writes lines to a file for ever. `honest` acknowledges a line that is in the file; `liar` one that is not, now and then. */
const { appendFile } = require('node:fs/promises');

const { begin, done } = require('./journal.cjs');

const [file, manner, round] = process.argv.slice(2);

async function writeForEver() {
  for (let at = 0; ; at += 1) {
    const token = `${round}-${at}`;
    begin(token);
    if (manner === 'honest' || at % 3 > 0) await appendFile(file, `${token}\n`);
    done(token);
  }
}

void writeForEver();
