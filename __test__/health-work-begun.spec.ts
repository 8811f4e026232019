/** That work is begun ends a silence, but is no sign of life: whoever begins it may be somebody else than the agent. */
import { JsonlEventReplayStorage } from '../ts/index.js';
import { keep, never } from './support/monitors.js';
import { answering, INTERVAL, next, open, transcript } from './support/quick-monitor.js';
import { temporaryDirectory } from './support/temporary.js';

test('an agent whose every call hangs is gone, though new ones are begun all the time', async () => {
  const restart = async (): Promise<void> => clearInterval(requests);
  const monitor = open({ restart });
  const lines = transcript(monitor);
  monitor.registerAgent({ id: 'a' });
  const call = (): void => void monitor.track('a', never, { deadline: 2 * INTERVAL });
  const requests = setInterval(call, INTERVAL / 5);
  call();
  const recovered = await next(monitor, 'agent:recovered');
  clearInterval(requests);
  const GONE = ['a: busy → suspect', 'a: suspect → disconnected', 'a: disconnected → recovering'];
  expect(lines).toEqual([...GONE, 'a: recovering → healthy']);
  // What was begun before its new life is nobody's any more.
  expect([recovered.tracked, monitor.getStats().tracked]).toEqual([0, 0]);
});

test('further work forgives nothing when it is begun, but does when it is done', async () => {
  const monitor = open({ recoveryStrategy: 'alert' });
  const lines = transcript(monitor);
  monitor.registerAgent({ id: 'a' });
  void monitor.track('a', never, { deadline: 10 });
  await next(monitor, 'agent:suspect');
  let done: () => void = () => undefined;
  void monitor.track('a', new Promise<void>((resolve) => (done = resolve)));
  await Promise.race([next(monitor, 'alert'), next(monitor, 'agent:recovered')]);
  const GONE = ['a: busy → suspect', 'a: suspect → disconnected', 'alert agent-disconnected a'];
  expect(lines).toEqual(GONE);
  done();
  await next(monitor, 'agent:recovered');
  expect(lines.slice(GONE.length)).toEqual(['a: disconnected → busy']);
});

test('who is silent is not judged by that any more', async () => {
  const monitor = open({ recoveryStrategy: 'alert', maxMissedBeats: 60, activityTimeout: 3_600_000 });
  const lines = transcript(monitor);
  monitor.registerAgent({ id: 'a', ping: never });
  await next(monitor, 'agent:suspect');
  void monitor.track('a', never);
  expect(await next(monitor, 'agent:recovered')).toMatchObject({ state: 'busy', missedBeats: 0 });
  expect(lines).toEqual(['a: healthy → suspect', 'a: suspect → busy']);
});

test('who is gone is not back when work is begun, but when it answers', async () => {
  const monitor = open({ recoveryStrategy: 'alert' });
  const lines = transcript(monitor);
  let hung = true;
  monitor.registerAgent({ id: 'a', ping: () => (hung ? never() : Promise.resolve()) });
  await next(monitor, 'alert');
  void monitor.track('a', never);
  const { ping, enough } = answering(3);
  monitor.registerAgent({ id: 'clock', ping });
  await enough;
  expect(monitor.getAgentHealth('a')).toMatchObject({ state: 'disconnected', tracked: 1 });
  hung = false;
  expect(await next(monitor, 'agent:recovered')).toMatchObject({ previous: 'disconnected', state: 'busy' });
  expect(lines.at(-2)).toBe('alert agent-disconnected a');
});

test('is what an agent did last', () => {
  const monitor = open();
  monitor.registerAgent({ id: 'a' });
  const last = (): unknown => monitor.getAgentHealth('a')?.lastActivity;
  monitor.recordActivity('a', 'thinking');
  void monitor.track('a', never, { kind: 'model call' });
  expect(last()).toBe('model call');
  monitor.recordActivity('a', 'thinking');
  expect(last()).toBe('thinking');
});

test('an agent that is restarted is handed also what came before its last work was begun', async () => {
  const log = keep(new JsonlEventReplayStorage({ directory: temporaryDirectory() }));
  await log.sessions();
  const monitor = open({ log, restart: async () => undefined });
  const missed: unknown[] = [];
  monitor.registerAgent({ id: 'a' }, { sessions: ['s'], onMissed: ({ payload }) => void missed.push(payload) });
  await log.append('s', { topic: 'agent_handoff', payload: 'before' });
  void monitor.track('a', never, { deadline: 10 });
  await log.append('s', { topic: 'agent_handoff', payload: 'after' });
  await next(monitor, 'agent:recovered');
  expect(missed).toEqual(['before', 'after']);
});
