'use strict';

/** Plays random lives with a plain EventEmitter and with a bus, or with what stands in for them, and prints the first one in which they differ. */
const { EventEmitter } = require('node:events');
const { isDeepStrictEqual } = require('node:util');

const fc = require('fast-check');

const { SmallTalkEventBus } = require('../../dist/event-bus.js');
const { play, script } = require('./emitter-script.cjs');

const [count, seed] = process.argv.slice(2).map(Number);

// What a listener rejects with, and what a captured error finds nobody to hear, is part of the game.
let late = [];
process.on('unhandledRejection', (error) => late.push(`rejection ${error.message}`));
process.on('uncaughtException', (error) => late.push(`exception ${error.message}`));
process.emitWarning = (warning) => late.push(`warning ${warning.name} ${warning.count} ${String(warning.type)}`);

async function diaryOf(emitter, life) {
  late = [];
  const diary = await play(emitter, life);
  return [...diary, ...late];
}

const STAND_INS = [(emitter) => emitter, (emitter) => Object.create(emitter), (emitter) => new Proxy(emitter, {})];

const property = fc.asyncProperty(script, async (life) => {
  const { captureRejections } = life;
  const standIn = STAND_INS[life.steps.length % STAND_INS.length];
  const theirs = await diaryOf(standIn(new EventEmitter({ captureRejections })), life);
  const ours = await diaryOf(standIn(new SmallTalkEventBus({ captureRejections, historyLimit: 3 })), life);
  if (isDeepStrictEqual(ours, theirs)) return;
  const at = theirs.findIndex((entry, index) => !isDeepStrictEqual(entry, ours[index]));
  throw new Error(`entry ${at}: Node ${JSON.stringify(theirs[at])}, ours ${JSON.stringify(ours[at])}`);
});

fc.check(property, { numRuns: count, seed }).then((outcome) => {
  process.stdout.write(
    outcome.failed
      ? `${String(outcome.errorInstance)}\n${fc.defaultReportMessage(outcome)}`
      : `${outcome.numRuns} lives, no difference`,
  );
});
