/** Random changes anywhere in a session, as programs make them; from a seed, so that a failure can be repeated. */
import type { ChatMessage, ChatSession } from '../../ts/index.js';

/** A generator of numbers from 0 to 1 (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Makes and changes sessions. */
export class Mutator {
  readonly #random: () => number;
  #made = 0;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
  }

  session(id: string, messages: number): ChatSession {
    return {
      id,
      messages: Array.from({ length: messages }, () => this.#message()),
      context: { goal: 'none', steps: [1, 2] },
      createdAt: new Date(1),
      updatedAt: new Date(2),
    };
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  /** Changes one thing and tells what. */
  mutate(session: ChatSession): string {
    const kind = this.pick(Object.keys(this.#kinds));
    this.#kinds[kind]?.(session);
    return kind;
  }

  readonly #kinds: Record<string, (session: ChatSession) => void> = {
    'a member': ({ messages }) => this.#mutateMember(messages),
    'a member, deep': ({ messages }) => this.#mutateMember(messages),
    'a member of the head': (session) => this.#mutateMember(session.context),
    'a Date in place': ({ messages }) => this.#some(messages)?.timestamp.setTime(this.below(5)),
    'a message more': ({ messages }) => messages.push(this.#message()),
    'the oldest gone': ({ messages }) => messages.shift(),
    'the oldest gone, one more': ({ messages }) => {
      messages.shift();
      messages.push(this.#message());
    },
    'some inserted': ({ messages }) =>
      messages.splice(this.below(messages.length + 1), 0, ...[this.#message(), this.#message()]),
    'some removed': ({ messages }) => messages.splice(this.below(messages.length + 1), this.below(4)),
    'some moved': ({ messages }) =>
      messages.splice(this.below(messages.length + 1), 0, ...messages.splice(this.below(messages.length + 1), 2)),
    'all turned round': ({ messages }) => messages.reverse(),
    'a copy of all': (session) => (session.messages = session.messages.map((message) => ({ ...message }))),
    'an id that another has': ({ messages }) => {
      const [one, other] = [this.#some(messages), this.#some(messages)];
      if (one && other) one.id = other.id;
    },
    'the times': (session) => (session.updatedAt = new Date(this.below(1e6))),
    'the agent': (session) => (session.activeAgent = this.pick(['', 'planner', 'writer'])),
  };

  #some(messages: ChatMessage[]): ChatMessage | undefined {
    return messages[this.below(messages.length)];
  }

  #message(): ChatMessage {
    this.#made += 1;
    const message: ChatMessage = {
      id: `m${this.#made}`,
      role: this.pick(['user', 'assistant']),
      content: `text ${this.#made} `.repeat(this.below(20)) + this.pick(['', '—', '🙂', '漢字']),
      timestamp: new Date(this.#made),
    };
    if (this.#random() < 0.5) message.metadata = { tokens: this.below(9), calls: [{ name: 'tool', args: { x: 1 } }] };
    return message;
  }

  /** Walks down a random path and changes what is there. */
  #mutateMember(from: unknown): void {
    let at: any = from;
    for (let depth = this.below(6); ; depth -= 1) {
      const inner = Object.keys(at ?? {}).filter((key) => isPlain(at[key]));
      if (depth <= 0 || inner.length === 0) break;
      at = at[this.pick(inner)];
    }
    const members: (string | number)[] = Array.isArray(at) ? [...at.keys()] : Object.keys(at ?? {});
    // A message, or the list of them, is changed from within.
    if (members.length === 0 || at === from || 'role' in at) return void (at && 'role' in at && (at.content += '.'));
    const key = this.pick(members) as any;
    if (this.#random() < 0.3)
      at[Array.isArray(at) ? at.length + this.below(2) : this.pick(['extra', 'a/b', '7'])] = this.#value();
    else if (this.#random() < 0.3 && !Array.isArray(at)) delete at[key];
    else at[key] = this.#value();
  }

  #value(): unknown {
    return this.pick<() => unknown>([
      () => this.below(3),
      () => String(this.below(3)),
      () => -0,
      () => null,
      () => undefined,
      () => NaN,
      () => 5n,
      () => new Date(this.below(3)),
      () => new Map([[this.below(3), { deep: new Set([1]) }]]),
      () => ({ list: [this.below(3), { deep: true }] }),
      () => [],
      () => Buffer.from([this.below(3)]),
      () => 'é—🙂',
    ])();
  }
}

const isPlain = (value: unknown): boolean =>
  Array.isArray(value) ||
  (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype);
