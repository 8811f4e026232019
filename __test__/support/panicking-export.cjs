'use strict';

/** Calls one export of the binary, named by the first argument, while a panic is armed in it; prints what became of it. */
const { join } = require('node:path');

const binary = require('../../index.js');

const [name, directory] = process.argv.slice(2);
const settle = () => undefined;
const storageOptions = {
  path: join(directory, 's.db'),
  readers: 1,
  busyTimeoutMs: 1000,
  maxQueueBytes: 1e6,
  direct: true,
};
const logOptions = {
  directory: join(directory, 'events'),
  power: false,
  fsyncIntervalMs: 100,
  retentionMs: 1e6,
  maxRetentionMs: 1e7,
  cleanupIntervalMs: 1e6,
  maxFileBytes: 1e6,
  maxQueueBytes: 1e6,
  readOnly: false,
};
const session = { id: 's', data: '{}', createdAt: 0, updatedAt: 0, stamp: 0, messages: [''], messageTypes: '' };
const changes = {
  ...session,
  baseStamp: 0,
  removed: new Float64Array(),
  positions: new Float64Array(),
  messageCount: 0,
};
const body = '{"topic":"t","priority":"normal","timestamp":1}';

const storage = () => binary.storageOpen(storageOptions, settle, 1);
const log = () => binary.logOpen(logOptions, settle);
const replay = () => binary.logReplay(log(), 's', { criticalOnly: false, archived: false });
const consumer = () => binary.logConsumer(log(), 's', 'c', false);
const clock = () => binary.clockOpen();
const loop = () => binary.loopOpen(0);
const who = { ticket: 1, pingable: true };
const health = () => binary.healthOpen(settle, 1, 100, 500, 2);

/** A valid call of every export: arguments that would be refused would never reach the panic. */
const calls = {
  storageOpen: () => storage(),
  storageSaveComing: () => binary.storageSaveComing(storage(), 2, session, false, binary.comingMessages(), false),
  storageSaveSession: () => binary.storageSaveSession(storage(), 2, session, false),
  comingMessages: () => binary.comingMessages(),
  addMessages: () => binary.addMessages(binary.comingMessages(), ['1'], ''),
  completeMessages: () => binary.completeMessages(binary.comingMessages()),
  abandonMessages: () => binary.abandonMessages(binary.comingMessages()),
  storageSaveChanges: () => binary.storageSaveChanges(storage(), 2, changes, false),
  storageAppendMessages: () => binary.storageAppendMessages(storage(), 2, 's', ['1'], '', 1, 0, '', 0, false),
  storageSaveSessions: () => binary.storageSaveSessions(storage(), 2, [session], binary.comingMessages(), [0], false),
  storageDeleteSessions: () => binary.storageDeleteSessions(storage(), 2, ['s'], false),
  storageSetKeys: () => binary.storageSetKeys(storage(), 2, ['k'], '1', '', null, 0, false),
  storageDeleteKeys: () => binary.storageDeleteKeys(storage(), 2, ['k'], 0, false),
  storageDeleteSession: () => binary.storageDeleteSession(storage(), 2, 's', false),
  storageListSessions: () => binary.storageListSessions(storage(), 2, { ascending: true }, true),
  storageSetKey: () => binary.storageSetKey(storage(), 2, 'k', '1', null, null, 0, false),
  storageGetKey: () => binary.storageGetKey(storage(), 2, 'k', 0, true),
  storageHasKey: () => binary.storageHasKey(storage(), 2, 'k', 0, true),
  storageKeyEnd: () => binary.storageKeyEnd(storage(), 2, 'k', 0, true),
  storageDeleteKey: () => binary.storageDeleteKey(storage(), 2, 'k', 0, false),
  storageClear: () => binary.storageClear(storage(), 2, false),
  storageGetStats: () => binary.storageGetStats(storage(), 2, 0, true),
  storageReadSession: () => binary.storageReadSession(storage(), 2, 3, 's', true),
  storageNextPiece: () => binary.storageNextPiece(binary.storageReadSession(storage(), 2, 3, 's', true)),
  storageReadSmall: () => binary.storageReadSmall(storage(), 's'),
  storageGetKeyNow: () => binary.storageGetKeyNow(storage(), 'k', 0),
  storageGetKeysNow: () => binary.storageGetKeysNow(storage(), 'k', 0),
  storageReadMessages: () => binary.storageReadMessages(storage(), 2, 3, 's', -1, -1, -1, true),
  storageSessionVersions: () => binary.storageSessionVersions(storage(), 2, ['s'], true),
  storageSessionInfo: () => binary.storageSessionInfo(storage(), 2, 's', true),
  storagePageSessions: () => binary.storagePageSessions(storage(), 2, { ascending: true }, null, null, null, true),
  storagePageKeys: () => binary.storagePageKeys(storage(), 2, '', null, 10, 0, true),
  storageGetKeys: () => binary.storageGetKeys(storage(), 2, ['k'], 0, true),
  storagePrune: () => binary.storagePrune(storage(), 2, 0, 10, false, false),
  storageOrphans: () => binary.storageOrphans(storage(), 2),
  storageRemoveOrphans: () => binary.storageRemoveOrphans(storage(), 2, 1, false),
  storageCountMessages: () => binary.storageCountMessages(storage(), 2, false),
  storageReclaim: () => binary.storageReclaim(storage(), 2),
  storageBackup: () => binary.storageBackup(storage(), 2, join(directory, 'b.db')),
  storageVerify: () => binary.storageVerify(storage(), 2),
  storageClose: () => binary.storageClose(storage(), 2),
  storageDrain: () => binary.storageDrain(storage(), 10, true),
  storageStop: () => binary.storageStop(storage(), 2),
  storageWithdraw: () => binary.storageWithdraw(storage(), [2]),
  storageWatch: () => binary.storageWatch(storage(), 1),
  logOpen: () => log(),
  logAppend: () => binary.logAppend(log(), 2, 's', body, null, null),
  logAppendTogether: () => binary.logAppendTogether(log(), 2, ['s'], Uint32Array.of(0), body, true),
  logCleanup: () => binary.logCleanup(log(), 2, 1000),
  logClose: () => binary.logClose(log(), 2),
  logConsumer: () => consumer(),
  logConsumerAcknowledge: () => binary.logConsumerAcknowledge(consumer(), 2, 1),
  logConsumerClose: () => binary.logConsumerClose(consumer(), 2),
  logConsumerForget: () => binary.logConsumerForget(consumer()),
  logConsumerOpen: () => binary.logConsumerOpen(consumer(), 2),
  logDrain: () => binary.logDrain(log(), 10),
  logEraseSession: () => binary.logEraseSession(log(), 2, 's'),
  logFlush: () => binary.logFlush(log(), 2),
  logGetStats: () => binary.logGetStats(log(), 2),
  logQueuedBytes: () => binary.logQueuedBytes(log()),
  logReplay: () => replay(),
  logReplayEnd: () => binary.logReplayEnd(replay()),
  logReplayNext: () => binary.logReplayNext(replay(), 2),
  logVerify: () => binary.logVerify(log(), 2, null),
  logWait: () => binary.logWait(log(), 2, 's', 0),
  logWaitEnd: () => binary.logWaitEnd(log(), 2),
  logWatch: () => binary.logWatch(log(), 1),
  logWithdraw: () => binary.logWithdraw(log(), [2]),
  logSessions: () => binary.logSessions(log(), 2),
  clockOpen: () => clock(),
  clockWake: () => binary.clockWake(clock(), new Int32Array(new ArrayBuffer(8))),
  healthOpen: () => health(),
  healthBeat: () => binary.healthBeat(health(), 1),
  healthClose: () => binary.healthClose(health()),
  healthEcho: () => binary.healthEcho(health()),
  healthLook: () => binary.healthLook(health(), 1, 1),
  healthBegin: () => binary.healthBegin(health(), 1, 1, 1, 1000),
  healthExit: () => binary.healthExit(health(), 1, 1),
  healthGuard: () => binary.healthGuard(health(), loop(), 1000),
  healthRecordIn: () => binary.healthRecordIn(health(), log()),
  healthRegister: () => binary.healthRegister(health(), who),
  healthReject: () => binary.healthReject(health(), 1, 1),
  healthRelocate: () => binary.healthRelocate(health(), 1, who, 1),
  healthReset: () => binary.healthReset(health(), 1, 1, who, 1),
  healthSettle: () => binary.healthSettle(health(), 1, 1, 1, true),
  healthStart: () => binary.healthStart(health()),
  healthStop: () => binary.healthStop(health()),
  healthUnregister: () => binary.healthUnregister(health(), 1, 1),
  loopDebugged: () => binary.loopDebugged(false),
  loopHush: () => binary.loopHush(loop()),
  loopOpen: () => loop(),
  loopSay: () => binary.loopSay(loop(), new Int32Array(new ArrayBuffer(4)), new Uint8Array(new ArrayBuffer(256))),
  logLastSeq: () => binary.logLastSeq(log(), 's'),
  healthWords: () => binary.healthWords(health(), 0),
};

let outcome = 'returned';
try {
  calls[name]();
} catch (error) {
  outcome = error.code ?? String(error);
}
// Still alive, and the loop still turns.
setImmediate(() => process.stdout.write(outcome));
