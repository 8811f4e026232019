/** What becomes of the positions of consumers on the ways out of the process. */
import { runNode } from './support/child.js';
import { open, scriptWithLog } from './support/event-log.js';
import { temporaryDirectory } from './support/temporary.js';

/** Runs a script that has a consumer, and `acknowledge` for 300 acknowledgements that nobody waits for; gives its position then. */
async function positionAfter(durability: string, end: string): Promise<number> {
  const directory = temporaryDirectory();
  const script = scriptWithLog(
    directory,
    `(async () => {
      await log.append('s', { topic: 't' });
      const consumer = await log.subscribe('s', 'c', { durability: '${durability}' });
      const acknowledge = () => {
        for (let seq = 1; seq <= 300; seq += 1) consumer.ack(seq).catch(() => undefined);
      };
      ${end}
    })();`,
  );
  await runNode(['-e', script], { cwd: __dirname });
  const log = open({ directory });
  const { position } = await log.subscribe('s', 'c');
  return position;
}

describe.each(['power', 'process'])('acknowledged with %s, what nobody has waited for lands', (durability) => {
  test.each([
    ['process.exit()', 'acknowledge(); process.exit(0);'],
    ['an uncaught exception', "acknowledge(); setImmediate(() => { throw new Error('uncaught'); });"],
    ['a close under way', 'acknowledge(); void log.close(); process.exit(0);'],
    ['a listener of the exit', "process.on('exit', acknowledge); setImmediate(() => process.exit(0));"],
    ['another listener behind', "process.on('exit', () => {}); acknowledge(); setImmediate(() => process.exit(0));"],
    ['the natural end', 'acknowledge();'],
  ])('%s', async (_, end) => {
    expect(await positionAfter(durability, end)).toBe(300);
  });
});

test('a log that only reads has them land as well', async () => {
  const directory = temporaryDirectory();
  const owner = open({ directory });
  await owner.append('s', { topic: 't' });
  const script = scriptWithLog(
    directory,
    `(async () => {
      const reader = new JsonlEventReplayStorage({ directory: log.directory, readOnly: true });
      const consumer = await reader.subscribe('s', 'c', { durability: 'power' });
      for (let seq = 1; seq <= 300; seq += 1) consumer.ack(seq).catch(() => undefined);
      void reader.close();
      process.exit(0);
    })();`,
  );
  await runNode(['-e', script], { cwd: __dirname });
  expect((await owner.subscribe('s', 'c')).position).toBe(300);
});
