/**
 * Every scenario, a line each: its name, what it does, to whom, how much of it each change has to pass (`short`) and how
 * much there is on demand (`long`); one without `short` is for the latter only. `needs` names what not every machine has.
 */
import { subjects } from '../subjects/index.mjs';
import { turnBits } from './bits.mjs';
import { cutRealPower, exhaustDescriptors, fillDisk, refuseNetwork, turnReadOnly } from './disks.mjs';
import { exitWithQueue, forgetStores, terminateWorkers } from './ends.mjs';
import { failAtCalls } from './faults.mjs';
import { killAtCalls, killAtRandom } from './kills.mjs';
import { catchStale, catchUnsynced } from './machine.mjs';
import { cutAfterFailedSync, cutPower } from './power.mjs';
import { soak } from './soak.mjs';
import { stallDisk } from './stalls.mjs';

const SQLITE = subjects['sqlite-power'];
const LOOSE_SQLITE = subjects['sqlite-process'];
const FILE = subjects['file-power'];
const LOOSE_FILE = subjects['file-process'];
const LOG = subjects['log-power'];
const LOOSE_LOG = subjects['log-process'];
const MOVING_LOG = subjects['log-elsewhere'];
const MANY_LOGS = subjects['log-many'];
const CONSUMER = subjects['consumer-power'];

const line = (name, what, subject, run, amounts, ...needs) => ({ name, what, subject, run, needs, ...amounts });

export const scenarios = [
  line(
    'machine/unsynced',
    'a store that does not sync is caught by power cuts',
    LOOSE_SQLITE,
    catchUnsynced,
    { short: { ops: 30 }, long: { ops: 30 } },
    'strace',
  ),
  line(
    'machine/unsynced-log',
    'a log that does not sync is caught by power cuts',
    LOOSE_LOG,
    catchUnsynced,
    { short: { ops: 30 }, long: { ops: 30 } },
    'strace',
  ),
  line('machine/stale-log', 'a log that is an event behind is caught by kills', LOG, catchStale, {
    short: {},
    long: {},
  }),
  line('machine/stale', 'a store that is a state behind is caught by kills', FILE, catchStale, { short: {}, long: {} }),

  line('kill/sqlite-power', 'SIGKILL at any moment', SQLITE, killAtRandom, {
    short: { kills: 50 },
    long: { kills: 5_000 },
  }),
  line('kill/sqlite-process', 'SIGKILL at any moment', LOOSE_SQLITE, killAtRandom, {
    short: { kills: 50 },
    long: { kills: 5_000 },
  }),
  line('kill/file-power', 'SIGKILL at any moment', FILE, killAtRandom, {
    short: { kills: 25 },
    long: { kills: 1_000 },
  }),
  line('kill/file-process', 'SIGKILL at any moment', LOOSE_FILE, killAtRandom, {
    short: { kills: 25 },
    long: { kills: 1_000 },
  }),

  line('kill/log-power', 'SIGKILL at any moment', LOG, killAtRandom, {
    short: { kills: 50 },
    long: { kills: 5_000 },
  }),
  line('kill/log-process', 'SIGKILL at any moment', LOOSE_LOG, killAtRandom, {
    short: { kills: 50 },
    long: { kills: 5_000 },
  }),

  line('kill/log-many', 'SIGKILL at any moment while several sessions are written to', MANY_LOGS, killAtRandom, {
    short: { kills: 20 },
    long: { kills: 2_000 },
  }),
  line(
    'kill/log-elsewhere',
    'SIGKILL at any moment while events go into an archive on another file system',
    MOVING_LOG,
    killAtRandom,
    { short: { kills: 12 }, long: { kills: 2_000 } },
    'mount',
  ),
  line(
    'kill-at/log-elsewhere',
    'SIGKILL at each call that changes a file of the log or of its archive on another file system',
    MOVING_LOG,
    killAtCalls,
    { short: { ops: 8, prepared: true, most: 16 }, long: { ops: 40, prepared: true } },
    'strace',
    'mount',
  ),

  line('kill/consumer', 'SIGKILL while events are acknowledged under a name', CONSUMER, killAtRandom, {
    short: { kills: 20 },
    long: { kills: 1_000 },
  }),

  ...[
    ['sqlite-power', 3, false],
    ['sqlite-power', 12, true],
    ['sqlite-power', 40, true],
    ['sqlite-process', 3, false],
    ['sqlite-process', 12, true],
    ['sqlite-process', 40, true],
    ['file-power', 3, false],
    ['file-power', 12, true],
    ['file-power', 40, true],
    ['file-process', 3, false],
    ['file-process', 12, true],
    ['file-process', 40, true],
    ['log-power', 12, false],
    ['log-power', 40, true],
    ['log-many', 12, false],
    ['log-many', 40, true],
    ['log-process', 12, false],
    ['log-process', 40, true],
  ].map(([name, ops, prepared]) =>
    line(
      `kill-at/${name}/${prepared ? 'old' : 'new'}-${ops}`,
      `SIGKILL at each call that changes a file, ${prepared ? 'in a store that is there' : 'also while it is made'}`,
      subjects[name],
      killAtCalls,
      { ...(ops === 40 ? {} : { short: { ops, prepared, most: 6 } }), long: { ops, prepared } },
      'strace',
    ),
  ),

  ...[
    ['sqlite-power', 'EIO', 1, true],
    ['sqlite-power', 'EIO', 2, true],
    ['sqlite-power', 'ENOSPC', Infinity, true],
    ['file-power', 'EIO', 1, true],
    ['file-power', 'EIO', 2, true],
    ['file-power', 'ENOSPC', Infinity, true],
    ['sqlite-power', 'EIO', Infinity],
    ['sqlite-power', 'ENOSPC', 1],
    ['sqlite-power', 'ENOSPC', 2],
    ['sqlite-power', 'EROFS', Infinity],
    ['sqlite-power', 'EFBIG', Infinity],
    ['sqlite-process', 'EIO', 1],
    ['sqlite-process', 'EIO', 2],
    ['file-power', 'EIO', Infinity],
    ['file-power', 'EROFS', Infinity],
    ['file-power', 'EFBIG', 1],
    ['log-power', 'EIO', 1, true],
    ['log-power', 'EIO', 2],
    ['log-power', 'ENOSPC', Infinity, true],
    ['log-many', 'EIO', 1, true],
    ['log-many', 'EIO', 2],
    ['log-many', 'ENOSPC', Infinity],
    ['log-process', 'EIO', 1],
    ['log-process', 'ENOSPC', Infinity],
  ].map(([name, error, times, short = false]) =>
    line(
      `fault/${name}/${error}-${times === 1 ? 'once' : times === 2 ? 'twice' : 'for-good'}`,
      `${error} at each call that changes a file${times === 1 ? '' : times === 2 ? ', and at the next' : ', and at all after it'}`,
      subjects[name],
      failAtCalls,
      {
        ...(short ? { short: { error, times, ops: 1, prepared: true, ...(times === 2 ? { most: 30 } : {}) } } : {}),
        long: { error, times, ops: 8 },
      },
      'strace',
    ),
  ),

  line(
    'power/sqlite-power',
    'power cuts in its recorded writes',
    SQLITE,
    cutPower,
    { short: { cuts: 500, ops: 40 }, long: { cuts: 20_000, ops: 400 } },
    'strace',
  ),
  line(
    'power/file-power',
    'power cuts in its recorded writes',
    FILE,
    cutPower,
    { short: { cuts: 10_000, ops: 24 }, long: { cuts: 1_000_000, ops: 60 } },
    'strace',
  ),
  line(
    'power/sqlite-process',
    'the same: nothing is damaged, and lost within a window',
    LOOSE_SQLITE,
    cutPower,
    { short: { cuts: 100, ops: 80, pauseMs: 80, lanes: 1 }, long: { cuts: 5_000, ops: 400, pauseMs: 80, lanes: 1 } },
    'strace',
  ),
  line(
    'power/file-process',
    'the same: nothing is damaged, and lost within a window',
    LOOSE_FILE,
    cutPower,
    { short: { cuts: 500, ops: 80, pauseMs: 80, lanes: 1 }, long: { cuts: 20_000, ops: 400, pauseMs: 80, lanes: 1 } },
    'strace',
  ),
  line(
    'power/log-power',
    'power cuts in its recorded writes',
    LOG,
    cutPower,
    { short: { cuts: 10_000, ops: 60 }, long: { cuts: 1_000_000, ops: 150 } },
    'strace',
  ),
  line(
    'power/log-many',
    'power cuts while several sessions are written to, which one sync of the journal serves',
    MANY_LOGS,
    cutPower,
    { short: { cuts: 5_000, ops: 60 }, long: { cuts: 500_000, ops: 150 } },
    'strace',
  ),
  line(
    'power/log-process',
    'the same: nothing is damaged, and lost within a window',
    subjects['log-process-gaps'],
    cutPower,
    { short: { cuts: 500, ops: 60, pauseMs: 40, lanes: 1 }, long: { cuts: 20_000, ops: 200, pauseMs: 40, lanes: 1 } },
    'strace',
  ),
  line(
    'power/log-elsewhere',
    'power cuts while events go into an archive on another file system',
    { ...MOVING_LOG, look: LOG.look },
    cutPower,
    { short: { cuts: 5_000, ops: 30 }, long: { cuts: 500_000, ops: 150 } },
    'strace',
    'mount',
  ),
  line(
    'power/consumer',
    'power cuts while events are acknowledged under a name',
    CONSUMER,
    cutPower,
    { short: { cuts: 1_000, ops: 20 }, long: { cuts: 100_000, ops: 60 } },
    'strace',
  ),
  line(
    'power-after-fault/sqlite',
    'a sync fails, and later the power: what was acknowledged in between is there',
    SQLITE,
    cutAfterFailedSync,
    { short: { cuts: 60, ops: 40, syncs: 4 }, long: { cuts: 1_000, ops: 60, syncs: 24 } },
    'strace',
  ),
  line('real-power/sqlite', 'the power of a real ext4 goes', SQLITE, cutRealPower, { long: { cuts: 200 } }, 'mount'),
  line('real-power/file', 'the power of a real ext4 goes', FILE, cutRealPower, { long: { cuts: 200 } }, 'mount'),

  line(
    'stall/sqlite',
    'a disk that is silent for longer than anybody waits',
    SQLITE,
    stallDisk,
    { short: { stallMs: 3_000, timeoutMs: 600 }, long: { stallMs: 60_000, timeoutMs: 30_000 } },
    'strace',
  ),
  line(
    'stall/file',
    'a disk that is silent for longer than anybody waits',
    FILE,
    stallDisk,
    { short: { stallMs: 3_000, timeoutMs: 600 }, long: { stallMs: 60_000, timeoutMs: 30_000 } },
    'strace',
  ),
  line(
    'stall/log-power',
    'a disk that is silent for longer than anybody waits',
    LOG,
    stallDisk,
    { short: { stallMs: 3_000, timeoutMs: 600 }, long: { stallMs: 60_000, timeoutMs: 30_000 } },
    'strace',
  ),
  line(
    'full/sqlite',
    'a disk of 4 MB is filled, relieved and used again',
    SQLITE,
    fillDisk,
    { short: {}, long: {} },
    'mount',
  ),
  line(
    'full/sqlite-large',
    'a disk of 12 MB is filled with large states, relieved and used again',
    SQLITE,
    fillDisk,
    { short: { megabytes: 12, states: 'large' }, long: { megabytes: 40, states: 'large' } },
    'mount',
  ),
  line(
    'full/file',
    'a disk of 4 MB is filled, relieved and used again',
    FILE,
    fillDisk,
    { short: {}, long: {} },
    'mount',
  ),
  line(
    'full/log',
    'a disk of 4 MB is filled, relieved and used again',
    LOG,
    fillDisk,
    { short: {}, long: {} },
    'mount',
  ),
  line('read-only/sqlite', 'a file system turns read only', SQLITE, turnReadOnly, { short: {}, long: {} }, 'mount'),
  line('read-only/file', 'a file system turns read only', FILE, turnReadOnly, { short: {}, long: {} }, 'mount'),
  line('read-only/log', 'a file system turns read only', LOG, turnReadOnly, { short: {}, long: {} }, 'mount'),
  line(
    'descriptors/sqlite',
    'no more files may be opened, and then they may',
    SQLITE,
    exhaustDescriptors,
    { short: {}, long: {} },
    'prlimit',
  ),
  line(
    'descriptors/file',
    'no more files may be opened, and then they may',
    FILE,
    exhaustDescriptors,
    { short: {}, long: {} },
    'prlimit',
  ),
  line(
    'descriptors/log',
    'no more files may be opened, and then they may',
    LOG,
    exhaustDescriptors,
    { short: {}, long: {} },
    'prlimit',
  ),
  line('network/sqlite', 'a network file system is refused', SQLITE, refuseNetwork, { short: {}, long: {} }, 'strace'),
  line('bits/file', 'every bit of a file is turned over', FILE, turnBits, { short: { step: 7 }, long: {} }),

  line('workers/sqlite', 'worker threads are terminated while they write', SQLITE, terminateWorkers, {
    short: { cycles: 100 },
    long: { cycles: 10_000 },
  }),
  line('workers/file', 'worker threads are terminated while they write', LOOSE_FILE, terminateWorkers, {
    short: { cycles: 100 },
    long: { cycles: 1_000 },
  }),
  line('workers/log', 'worker threads are terminated while they append', LOOSE_LOG, terminateWorkers, {
    short: { cycles: 30 },
    long: { cycles: 1_000 },
  }),
  line('exit/sqlite', 'a process leaves with 1,000 writes queued', SQLITE, exitWithQueue, {
    short: { cycles: 100, queued: 1_000 },
    long: { cycles: 1_000, queued: 1_000 },
  }),
  line('exit/file', 'a process leaves with 1,000 writes queued', LOOSE_FILE, exitWithQueue, {
    short: { cycles: 100, queued: 1_000, all: false },
    long: { cycles: 100, queued: 1_000, all: false },
  }),
  line('exit/log', 'a process leaves with 1,000 appends queued', LOOSE_LOG, exitWithQueue, {
    short: { cycles: 10, queued: 1_000 },
    long: { cycles: 100, queued: 1_000 },
  }),
  line('forget/sqlite', 'stores are forgotten, with a write on its way', SQLITE, forgetStores, {
    short: { cycles: 100 },
    long: { cycles: 2_000 },
  }),
  line('forget/file', 'stores are forgotten, with a write on its way', LOOSE_FILE, forgetStores, {
    short: { cycles: 100 },
    long: { cycles: 2_000 },
  }),

  line(
    'soak/sqlite',
    'a fault every 30 s, for an hour',
    SQLITE,
    soak,
    { long: { minutes: 60, everySeconds: 30 } },
    'strace',
  ),
];
