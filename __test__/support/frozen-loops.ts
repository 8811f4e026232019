/** Programs whose event loops freeze, each in a process of its own. */
import path from 'node:path';

import { runNode } from './child';
import { ROOT } from './consumer';
import { temporaryDirectory } from './temporary';

/** What each of them begins with. */
export const PROGRAM = `
  const { AgentHealthMonitor, JsonlEventReplayStorage, SmallTalkEventBus } = require(${JSON.stringify(path.join(ROOT, 'dist', 'index.js'))});
  const { EventEmitter, once } = require('node:events');
  const QUICK = { heartbeatInterval: 100, recoveryStrategy: 'alert', loopThreshold: 60 };
  const hold = (ms = 250) => { const end = performance.now() + ms; while (performance.now() < end); };
  const alive = setInterval(() => undefined, 1000);
  const told = [];
  const tell = (value) => told.push(value);
  const open = (options = {}) => new AgentHealthMonitor({ ...QUICK, ...options });
  const end = (value = told) => { clearInterval(alive); console.log(JSON.stringify(value)); };
`;

/** Gives what the program ends with. */
export async function run(program: string, cwd = temporaryDirectory()): Promise<unknown> {
  const ended = await runNode(['--no-warnings', '-e', `${PROGRAM}(async () => { ${program} })();`], { cwd });
  if (ended.code !== 0) throw new Error(`it ended with ${ended.code}: ${ended.output}`);
  return JSON.parse(ended.output) as unknown;
}
