/** A session of as many messages as are wanted, each some hundred characters long. */
import type { ChatMessage, ChatSession } from '../../ts/index.js';

export const conversation = (count: number, from = 0): ChatMessage[] =>
  Array.from({ length: count }, (_, n) => ({
    id: `m${from + n}`,
    role: 'user',
    content: `text ${from + n} `.repeat(40),
    timestamp: new Date(n),
  }));

export const sessionOf = (messages: ChatMessage[], more: Partial<ChatSession> = {}): ChatSession => ({
  id: 's',
  messages,
  createdAt: new Date(1),
  updatedAt: new Date(2),
  ...more,
});
