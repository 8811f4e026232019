/** Emitting, recorded for replay by us and by the origin's design, forgotten by everyone else; and doing nothing. */
import { OURS } from '../rivals.mjs';

const BARE = 'node:events';
const ORIGIN = "origin's design";
const candidates = [OURS, BARE, ORIGIN, 'eventemitter3', 'tseep', 'mitt', 'emittery'];

const counted = (count, thing) => `${count} ${thing}${count === 1 ? '' : 's'}`;

/** One line: so many names with so many listeners each, and what is out of the ordinary. */
function emit(
  { names = 1, listeners = 1, args = 2, history = true, topic = false, random = false, monitor = false },
  goals = {},
) {
  const how = [
    topic ? 'through topic()' : '',
    history ? '' : 'without history',
    random ? 'in random order' : '',
    monitor ? 'with a monitor' : '',
  ].filter(Boolean);
  const what = [counted(args, 'argument'), counted(names, 'name'), counted(listeners, 'listener') + ' each', ...how];
  return {
    title: `emit: ${what.join(', ')}`,
    trial: 'emit',
    parameters: { names, listeners, args, history, topic, random, monitor },
    candidates: topic || !history ? [OURS, BARE] : monitor ? [OURS, BARE, ORIGIN] : candidates,
    goals,
  };
}

const IDLE_SECONDS = 60;

const idle = (open, what, measure, show, goal) => ({
  title: `a second of idleness after a burst, ${open} open: ${what}`,
  trial: 'idle',
  parameters: { open, measure, seconds: IDLE_SECONDS, settleSeconds: 10 },
  small: { seconds: 0.1, settleSeconds: 0.1 },
  candidates: [OURS, 'node alone'],
  show,
  goal,
  trials: 1,
});

export const bus = {
  title: 'Event bus',
  lines: [
    emit({}, { [BARE]: ['P1', 0.8], [ORIGIN]: ['P1', 0.1] }),
    emit({ names: 8 }, { [BARE]: ['P2', 1.5] }),
    emit({ names: 8, random: true }),
    emit({ names: 8, topic: true }, { [BARE]: ['P2', 1] }),
    emit({ listeners: 10 }, { [BARE]: ['P2', 0.3] }),
    emit({ monitor: true }, { [BARE]: ['P1', 0.8], [ORIGIN]: ['P1', 0.1] }),
    emit({ names: 8, monitor: true }, { [BARE]: ['P2', 1.5] }),
    emit({ names: 8, topic: true, monitor: true }, { [BARE]: ['P2', 1] }),
    emit({ listeners: 10, monitor: true }, { [BARE]: ['P2', 0.3] }),
    emit({ names: 8, listeners: 10 }),
    emit({ listeners: 0 }),
    emit({ args: 0 }),
    emit({ args: 1 }),
    emit({ args: 3 }),
    emit({ args: 4 }),
    emit({ history: false }),
    {
      title: 'emit with the log on, main thread',
      trial: 'emit-logged',
      parameters: { emits: 5_000 },
      small: { emits: 100 },
      candidates: [OURS, 'JSON.stringify'],
      goals: { 'JSON.stringify': ['P3', 1.3] },
    },
    idle('a bus with its log', 'time on a core', 'time', 'duration', ['idle', 1e6]),
    idle('a bus with its log', 'wake-ups', 'wakeUps', 'count', ['idle', 10]),
    idle('everything, with an agent to ping,', 'time on a core', 'time', 'duration', ['idle', 1e6]),
    idle('everything, with an agent to ping,', 'wake-ups', 'wakeUps', 'count', ['idle', 10]),
  ],
};
