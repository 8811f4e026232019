/** Emitting, recorded for replay by us and by the origin's design, forgotten by everyone else. */
import { OURS } from '../rivals.mjs';

const candidates = [OURS, 'node:events', "origin's design", 'eventemitter3', 'tseep', 'mitt', 'emittery'];

const line = (names, listeners, goals = {}) => ({
  title: `emit, 2 arguments: ${names} ${names === 1 ? 'name' : 'names'}, ${listeners} ${listeners === 1 ? 'listener' : 'listeners'} each`,
  trial: 'emit',
  parameters: { names, listeners },
  candidates,
  goals,
});

export const bus = {
  title: 'Event bus',
  lines: [
    line(1, 1, { 'node:events': ['P1', 0.8], "origin's design": ['P1', 0.1] }),
    line(8, 1, { 'node:events': ['P2', 1.5] }),
    line(1, 10, { 'node:events': ['P2', 0.3] }),
    line(8, 10),
  ],
};
