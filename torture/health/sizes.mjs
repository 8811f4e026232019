/** How large each scenario is: short for every change, long on demand, chosen by `SMALLTALK_TORTURE=long`. */
const sizes = {
  hungPing: [5, 100],
  rejectingPing: [5, 100],
  overdueWork: [5, 100],
  endedWorker: [5, 100],
  frozenWorker: [5, 100],
  frozenMain: [5, 100],
  /** Stops of the whole process, the longest in milliseconds. */
  stops: [
    { count: 3, longestMs: 1_500 },
    { count: 50, longestMs: 10_000 },
  ],
  /** Collections of a heap of so many megabytes. */
  collections: [
    { count: 5, megabytes: 150 },
    { count: 30, megabytes: 1_024 },
  ],
  busyProcesses: [
    { count: 16, seconds: 6 },
    { count: 16, seconds: 180 },
  ],
  frozenLoop: [
    { agents: 10_000, seconds: 2.5 },
    { agents: 10_000, seconds: 30 },
  ],
  debuggerPause: [{ seconds: 3 }, { seconds: 20 }],
};

export const long = process.env.SMALLTALK_TORTURE === 'long';

/** The size of a scenario in this run. */
export const sizeOf = (name) => sizes[name][long ? 1 : 0];
