/** A real conversation of a language-model agent with its tools, as chat messages. */
import { readFileSync } from 'node:fs';

const FILE = new URL('./transcript/marshmallow-1867.json', import.meta.url);
const START = Date.UTC(2025, 10, 23, 9, 0, 0);
const SECONDS_APART = 7;

/** Who speaks: the transcript's roles are three agents of ours. */
const SPEAKERS = { system: 'user', user: 'user', assistant: 'assistant', tool: 'tool' };

/** All messages, the same in every process that asks. */
export function transcript() {
  const { history } = JSON.parse(readFileSync(FILE, 'utf8'));
  return history.map(({ role, content, ...rest }, index) => ({
    id: `turn-${index + 1}`,
    role: role === 'tool' ? 'agent' : role,
    content: typeof content === 'string' ? content : JSON.stringify(content),
    agentName: SPEAKERS[role],
    timestamp: new Date(START + index * SECONDS_APART * 1000),
    metadata: rest,
  }));
}

/** A message in the pieces in which a model would send it. */
export function pieces(text, count) {
  const size = Math.max(1, Math.ceil(text.length / count));
  return Array.from({ length: Math.ceil(text.length / size) }, (_, at) => text.slice(at * size, (at + 1) * size));
}
