/**
 * The conversation, as one process lives it. Opens the directory, goes on after the last message that is there, and ends
 * when the transcript does. Told what an earlier process was promised, it first shows that all of it is there.
 */
import { once } from 'node:events';
import { isDeepStrictEqual } from 'node:util';

import { openSmallTalk } from 'smalltalk-native';

import { Agent } from './agents.mjs';
import { promised, tell } from './ledger.mjs';
import { dim, green, heading, red, say, turn, yellow } from './screen.mjs';
import { transcript } from './transcript.mjs';

const [directory, inherited] = process.argv.slice(2);
const SESSION = 'marshmallow-1867';
/** The turn in which, after the restart, the tool hangs for once, so that the monitor has something to notice. */
const HANGING_TURN = 18;

const script = transcript();
const { bus, storage, log, health, close } = await openSmallTalk({
  directory,
  bus: { sessionId: SESSION },
  health: { heartbeatInterval: 150, activityTimeout: 1_000 },
});

const session = (await storage.getSession(SESSION)) ?? begin();
if (inherited !== undefined) await takeStock(JSON.parse(inherited));

const drafts = {
  keep: (key, draft) => promised('draft', `${draft.turn}:${draft.piece}`, () => storage.set(`draft/${key}`, draft)),
};
const agents = new Map(['user', 'assistant', 'tool'].map((id) => [id, new Agent(id, { bus, drafts })]));
for (const agent of agents.values()) health.registerAgent(agent);
bus.on('agent:disconnected', ({ id }) => say(yellow(`         ${id} does not answer: the monitor has noticed`)));
bus.on('agent:recovered', ({ id }) => say(green(`         ${id} is back: the monitor has restarted it`)));

// Nothing that is open keeps a process alive; in an application a server or a socket does, here a timer.
const stayAlive = setInterval(() => undefined, 1_000);
while (session.messages.length < script.length) await nextTurn();
clearInterval(stayAlive);

await bus.flush();
tell({
  finished: await finalCount(),
  health: Object.fromEntries([...health.getAllAgentHealth()].map(([id, { state }]) => [id, state])),
});
await close();

function begin() {
  return { id: SESSION, messages: [], createdAt: script[0].timestamp, updatedAt: script[0].timestamp };
}

/** Hands the floor to the next speaker, waits for the message, saves the session with it. */
async function nextTurn() {
  const index = session.messages.length;
  const message = script[index];
  const from = session.activeAgent ?? 'user';
  if (inherited !== undefined && index + 1 === HANGING_TURN) agents.get(message.agentName).hang();
  const said = once(bus, 'message');
  await event(`handoff:${message.id}`, () => bus.emit('agent_handoff', from, message.agentName, message));
  await said;
  session.messages.push(message);
  session.activeAgent = message.agentName;
  session.updatedAt = message.timestamp;
  const started = performance.now();
  await promised('message', message.id, () => storage.saveSession(SESSION, session));
  turn(index + 1, script.length, message, `saved in ${(performance.now() - started).toFixed(1)} ms`);
  tell({ turn: index + 1 });
}

/** Emits on the bus, and waits until the log has acknowledged it. */
async function event(key, emit) {
  await promised('event', key, async () => {
    emit();
    await bus.flush();
  });
}

/** Holds what is in the directory against what was acknowledged before the kill. */
async function takeStock(acknowledged) {
  const lost = { message: [], draft: [], event: [] };
  const saved = new Map(session.messages.map((message) => [message.id, message]));
  for (const id of acknowledged.message) {
    const whole = isDeepStrictEqual(
      saved.get(id),
      script.find((message) => message.id === id),
    );
    if (!whole || !(saved.get(id).timestamp instanceof Date)) lost.message.push(id);
  }
  const newest = new Map(acknowledged.draft.map((key) => key.split(':')));
  for (const [id, piece] of newest) {
    const draft = await storage.get(`draft/${id}`);
    if (!(draft?.piece >= Number(piece))) lost.draft.push(id);
  }
  const handoffs = [];
  // Without options a replay brings what is critical: what somebody who comes back must know.
  for await (const { topic, payload } of log.replay(SESSION)) if (topic === 'agent_handoff') handoffs.push(payload);
  const heard = new Set(handoffs.map(([, , message]) => `handoff:${message.id}`));
  for (const key of acknowledged.event) if (!heard.has(key)) lost.event.push(key);

  heading('A new process opens the same directory');
  const dates = `${session.createdAt.toISOString()} … ${session.updatedAt.toISOString()}`;
  say(`  session restored   ${session.messages.length} messages, ${dim(dates)}`);
  const last = handoffs.at(-1)?.slice(0, 2).join(' → ') ?? 'none';
  say(`  events replayed    ${handoffs.length} critical ones, the last: ${last}`);
  const missing = Object.values(lost).flat();
  say(missing.length === 0 ? green('  nothing acknowledged is missing\n') : red(`  LOST: ${missing.join(', ')}\n`));
  tell({ lost, restored: session.messages.length, replayed: handoffs.length });
}

/** Reads everything back once more, as a stranger would. */
async function finalCount() {
  const whole = await storage.getSession(SESSION);
  return isDeepStrictEqual(whole.messages, script) ? whole.messages.length : -1;
}
