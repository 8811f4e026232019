/** A monitor lives as long as one of its agents is held. */
import { join } from 'node:path';

import { runNode } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';

const PACKAGE = JSON.stringify(join(__dirname, '../dist/index.js'));

test('an agent that is watched twice, having replaced another one, holds its monitor until both are let go', async () => {
  const script = `
    const { once } = require('node:events');
    const { AgentHealthMonitor } = require(${PACKAGE});
    const alive = setInterval(() => undefined, 1000);
    const standby = { id: 'standby', ping: async () => undefined };
    async function forgotten() {
      const replace = async () => standby;
      const monitor = new AgentHealthMonitor({ heartbeatInterval: 50, recoveryStrategy: 'replace', replace });
      monitor.registerAgent(standby, { recoveryStrategy: 'alert' });
      monitor.registerAgent({ id: 'writer', ping: () => new Promise(() => undefined) });
      await once(monitor, 'agent:recovered');
      monitor.unregisterAgent('standby');
      return new WeakRef(monitor);
    }
    const turn = () => new Promise((resolve) => setTimeout(resolve, 10));
    async function main() {
      const weak = await forgotten();
      for (let times = 0; times < 20; times += 1) { await turn(); gc(); }
      console.log(weak.deref() === undefined ? 'collected' : 'held');
      await turn();
      weak.deref()?.unregisterAgent('writer');
      while (weak.deref() !== undefined) { await turn(); gc(); }
      console.log('let go of', standby.id);
      clearInterval(alive);
    }
    void main();
  `;
  const { code, output } = await runNode(['--expose-gc', '-e', script], { cwd: temporaryDirectory() });
  expect([output, code]).toEqual(['held\nlet go of standby\n', 0]);
});
