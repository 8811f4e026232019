/** Sessions to be stored: what is in them follows from a few numbers. */
import type { ChatMessage, ChatSession } from '../../ts/index.js';

export const conversation = (count: number): ChatMessage[] =>
  Array.from({ length: count }, (_, n) => ({
    id: `m${n}`,
    role: 'user',
    content: `text ${n}`,
    timestamp: new Date(n),
  }));

export const sessionOf = (id: string, at: number, messages = conversation(2)): ChatSession => ({
  id,
  messages,
  createdAt: new Date(at),
  updatedAt: new Date(at),
});
