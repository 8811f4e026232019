'use strict';

/** Reads sessions for another process and tells their text: `{ id }` is answered by `{ text, types }`. */
const { SQLiteStorageAdapter } = require('../../dist/index.js');
const { encode } = require('../../dist/codec.js');

const adapter = new SQLiteStorageAdapter({ path: process.argv[2] });

process.on('message', async ({ id }) => {
  const session = await adapter.getSession(id);
  process.send(encode(session));
});
process.on('disconnect', () => adapter.close());
