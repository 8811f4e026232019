/** A worker that is paused in a debugger, in a process whose inspector is opened while the monitor has nothing to report. */
import { runNode } from './support/child.js';
import { PROGRAM } from './support/frozen-loops.js';
import { temporaryDirectory } from './support/temporary.js';

const THRESHOLD = 400;

test('is left alone, and its agents are; when the debugger has gone, whoever waits for ever is told', async () => {
  const program = `${PROGRAM}
    const inspector = require('node:inspector');
    const { Worker } = require('node:worker_threads');
    const program = ${JSON.stringify(PROGRAM)} + \`
      const { parentPort } = require('node:worker_threads');
      open({ loopThreshold: ${THRESHOLD} }).start();
      parentPort.on('message', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
      parentPort.postMessage('ready');
    \`;
    (async () => {
      const worker = new Worker(program, { eval: true });
      await once(worker, 'message');
      const monitor = open({ loopThreshold: ${THRESHOLD} });
      for (const name of ['agent:suspect', 'agent:disconnected', 'loop:frozen', 'loop:thawed']) {
        monitor.on(name, () => tell(name));
      }
      monitor.registerAgent({ id: 'a' }, { worker });
      inspector.open(0);
      const session = new inspector.Session();
      session.connect();
      const attached = once(session, 'NodeWorker.attachedToWorker');
      session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
      const [{ params: { sessionId } }] = await attached;
      const heard = (wanted) => new Promise((resolve) => {
        session.on('NodeWorker.receivedMessageFromWorker', ({ params: { message } }) => {
          if (JSON.parse(message).method === wanted) resolve();
        });
      });
      const [paused, resumed] = [heard('Debugger.paused'), heard('Debugger.resumed')];
      const send = (id, method) => {
        session.post('NodeWorker.sendMessageToWorker', { sessionId, message: JSON.stringify({ id, method }) });
      };
      send(1, 'Debugger.enable');
      send(2, 'Debugger.pause');
      // So that it runs something that can be paused.
      worker.postMessage('');
      await paused;
      // This is the fault itself, not a wait for something: so long it is paused.
      await new Promise((resolve) => setTimeout(resolve, ${4 * THRESHOLD}));
      tell(monitor.getAgentHealth('a').state);
      send(3, 'Debugger.resume');
      await resumed;
      session.disconnect();
      inspector.close();
      while (!told.includes('agent:disconnected')) await once(monitor, 'agent:disconnected');
      await monitor.close();
      await worker.terminate();
      end();
    })();
  `;
  const { code, output } = await runNode(['--no-warnings', '-e', program], {
    cwd: temporaryDirectory(),
    timeoutMs: 30_000,
  });
  // The inspector says more, on the other stream.
  const [told = ''] = output.split('\n');
  expect({ code, told }).toEqual({
    code: 0,
    told: JSON.stringify(['healthy', 'loop:frozen', 'agent:suspect', 'agent:disconnected']),
  });
});
