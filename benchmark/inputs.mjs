/** What is saved, sent and logged: made from a number, so that every candidate gets the same and no two are equal. */

const WORDS = 'the agent reads a plan and asks one tool for what it needs before it answers with care'.split(' ');
const BEYOND_ASCII = ' — 計画を読み直します 🙂';
const MESSAGE_CHARACTERS = 1_000;
const START = Date.UTC(2025, 10, 23);
const ROLES = ['user', 'assistant', 'agent'];

/** Text of about so many characters that no other seed gives. */
export function text(seed, characters) {
  let state = Math.imul(seed + 1, 2654435761);
  let made = `${seed}:`;
  while (made.length < characters) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    made += ` ${WORDS[state % WORDS.length]} ${state.toString(36)}`;
  }
  return made.slice(0, characters);
}

/** A message of about 1.1 KB as JSON; beyond ASCII in one of ten where `unicode`. */
export function message(seed, index, unicode) {
  const content = text(seed * 1e5 + index, MESSAGE_CHARACTERS);
  return {
    id: `${seed}-${index}`,
    role: ROLES[index % ROLES.length],
    content: unicode && index % 10 === 0 ? content + BEYOND_ASCII : content,
    timestamp: new Date(START + index * 1_000),
  };
}

/** A session; 9,000 messages are about 10 MB. */
export function session(seed, messages, unicode = false) {
  const updatedAt = new Date(START + messages * 1_000);
  return {
    id: `session-${seed}`,
    messages: Array.from({ length: messages }, (_, index) => message(seed, index, unicode)),
    activeAgent: 'planner',
    createdAt: new Date(START),
    updatedAt,
  };
}

/** A value as agents keep it under a key, about 200 bytes. */
export function state(seed) {
  return {
    step: seed,
    agent: `agent-${seed % 7}`,
    done: seed % 2 === 0,
    notes: text(seed, 120),
    tags: ['plan', 'tool'],
  };
}

/** An event of about 150 bytes of payload. */
export function event(seed, topic) {
  return { topic, payload: { step: seed, text: text(seed, 120) }, timestamp: START + seed };
}
