/** The same classes through `require`. */
import natives = require('smalltalk-native');

const error = new natives.StorageError('ERR_BUSY', 'held by another writer');
const base: natives.SmallTalkError = error;
const code: natives.ErrorCode = base.code;

// @ts-expect-error there is nothing of that name
natives.Nothing;

export = code;
