/** One trial: a fresh process measures one candidate at one line of a table, and tells its parent. */
import { groups } from '../groups/index.mjs';

/** How long a trial goes on; the quick one is there to see that everything works, its figures mean nothing. */
const EFFORT = {
  full: { blockMs: 100, blocks: 5, warmUpMs: 150, rounds: 3 },
  quick: { blockMs: 4, blocks: 2, warmUpMs: 0, rounds: 1 },
};

process.once('message', async ({ group, line, candidate, directory, quick }) => {
  const { trial, parameters, small = {} } = groups[group].lines.find(({ title }) => title === line);
  const effort = quick ? EFFORT.quick : EFFORT.full;
  try {
    const { run } = await import(new URL(`../trials/${trial}.mjs`, import.meta.url));
    const measured = await run(candidate, { ...parameters, ...(quick ? small : {}), effort, directory });
    process.send({ measured }, () => process.disconnect());
  } catch (error) {
    process.send({ failure: [error.code, error.stack ?? error].filter(Boolean).join(': ') }, () =>
      process.disconnect(),
    );
  }
});
