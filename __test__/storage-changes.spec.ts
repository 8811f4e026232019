import fc from 'fast-check';

import { encode, type Encoded } from '../ts/codec.js';
import { compareMessages, type Changes } from '../ts/storage/changes/compare.js';
import { keep } from '../ts/storage/changes/kept.js';
import { MessageList, SPACING } from '../ts/storage/changes/message-list.js';

type Message = Record<string, any>;

/** What the store does with changes: rows by position. */
class Rows {
  readonly #rows = new Map<number, Encoded>();

  constructor(list: MessageList, messages: readonly unknown[]) {
    for (const [at, message] of messages.entries()) this.#rows.set(list.position(at), encode(message));
  }

  apply({ removed, positions, written, list }: Changes): void {
    for (let at = 0; at < removed.length; at += 2) {
      const [first, last] = [removed[at] as number, removed[at + 1] as number];
      for (const position of [...this.#rows.keys()])
        if (position >= first && position <= last) this.#rows.delete(position);
    }
    for (const [at, position] of positions.entries()) this.#rows.set(position, written[at] as Encoded);
    expect(this.positions()).toEqual(list.places());
  }

  positions(): number[] {
    return [...this.#rows.keys()].sort((a, b) => a - b);
  }

  messages(): Encoded[] {
    return this.positions().map((position) => this.#rows.get(position) as Encoded);
  }
}

const listOf = (messages: readonly unknown[]): MessageList =>
  MessageList.inFull(messages.map((message, at) => keep(message, at, {})));

const conversation = (count: number, from = 0): Message[] =>
  Array.from({ length: count }, (_, n) => ({
    id: `m${from + n}`,
    content: `text ${from + n}`,
    timestamp: new Date(n),
  }));

const changesBetween = (before: MessageList, live: readonly unknown[]): Changes => {
  const changes = compareMessages(before, live, {}, Infinity);
  if (changes === null) throw new Error('in full');
  return changes;
};

const amount = ({ removed, written }: Changes): [number, number] => [removed.length / 2, written.length];

/** One thing that a program does with its messages. */
const edit = fc.record({
  kind: fc.constantFrom(
    'push',
    'shift',
    'insert',
    'remove',
    'change',
    'deep',
    'move',
    'swap',
    'rename',
    'special',
    'reverse',
  ),
  at: fc.nat(),
  to: fc.nat(),
  value: fc.integer({ min: 0, max: 3 }),
});

type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

let fresh = 0;

function perform(messages: Message[], { kind, at, to, value }: Edit): void {
  const index = messages.length === 0 ? 0 : at % messages.length;
  const message = messages[index];
  fresh += 1;
  if (kind === 'push') messages.push(...conversation(1, 1_000 + fresh));
  else if (kind === 'insert') messages.splice(index, 0, ...conversation(1 + value, 1_000 + fresh * 10));
  else if (message === undefined) return;
  else if (kind === 'shift') messages.shift();
  else if (kind === 'remove') messages.splice(index, 1 + value);
  else if (kind === 'change') message['content'] += value;
  else if (kind === 'deep') (message['metadata'] ??= { list: [] }).list.push({ value });
  else if (kind === 'move') messages.splice(to % messages.length, 0, ...messages.splice(index, 1 + value));
  else if (kind === 'swap') messages.push(...messages.splice(0, 2).reverse());
  else if (kind === 'rename') message['id'] = `m${value}`;
  else if (kind === 'special') message['metadata'] = { list: [value], map: new Map([[value, undefined]]) };
  else messages.reverse();
}

test('the changes lead from what is stored to what is there, whatever was done', () => {
  let short = 0;
  fc.assert(
    fc.property(fc.nat({ max: 12 }), fc.array(fc.array(edit, { maxLength: 4 }), { maxLength: 8 }), (count, saves) => {
      const messages = conversation(count);
      let list = listOf(messages);
      const rows = new Rows(list, messages);
      for (const edits of saves) {
        for (const one of edits) perform(messages, one);
        const changes = compareMessages(list, messages, {}, Infinity);
        // Only where there is no room between two is it null, and that takes twenty insertions at one place.
        expect(changes).not.toBeNull();
        rows.apply(changes as Changes);
        expect(rows.messages()).toEqual(messages.map((message) => encode(message)));
        list = (changes as Changes).list;
        if ((changes as Changes).written.length < messages.length) short += 1;
      }
    }),
    { numRuns: 1_000 },
  );
  expect(short).toBeGreaterThan(500);
});

describe('what is written is what changed', () => {
  const messages = conversation(1_000);
  const before = listOf(messages);
  const changed = (at: number): Message[] => messages.with(at, { ...messages[at], content: 'changed' });

  test.each<[string, () => Message[], [removed: number, written: number]]>([
    ['nothing', () => messages, [0, 0]],
    ['a copy of everything', () => messages.map((message) => ({ ...message })), [0, 0]],
    ['one added at the end', () => [...messages, ...conversation(1, 1_000)], [0, 1]],
    ['the oldest removed', () => messages.slice(1), [1, 0]],
    ['the oldest removed, one added', () => [...messages.slice(1), ...conversation(1, 1_000)], [1, 1]],
    ['one changed in the middle', () => changed(500), [0, 1]],
    ['one changed in the middle, one added', () => [...changed(500), ...conversation(1, 1_000)], [0, 1 + 1]],
    ['one removed from the middle', () => messages.toSpliced(500, 1), [1, 0]],
    ['two removed apart', () => messages.toSpliced(700, 1).toSpliced(300, 1), [2, 0]],
    ['one inserted in the middle', () => messages.toSpliced(500, 0, ...conversation(1, 1_000)), [0, 1]],
    ['three put before the first', () => [...conversation(3, 1_000), ...messages], [0, 3]],
    ['one moved to the front', () => [...messages.slice(700, 701), ...messages.toSpliced(700, 1)], [1, 1]],
    ['two swapped', () => messages.with(3, messages[4] as Message).with(4, messages[3] as Message), [1, 1]],
    ['all removed', () => [], [1, 0]],
  ])('%s', (_, make, expected) => {
    const live = make();
    const changes = changesBetween(before, live);
    expect(amount(changes)).toEqual(expected);
    const rows = new Rows(before, messages);
    rows.apply(changes);
    expect(rows.messages()).toEqual(live.map((message) => encode(message)));
  });
});

test('messages inserted at one place again and again find room, and then are saved in full', () => {
  const messages = conversation(2);
  let list = listOf(messages);
  let inserted = 0;
  for (let changes: Changes | null; ; list = changes.list, inserted += 1) {
    messages.splice(1, 0, ...conversation(1, 10 + inserted));
    changes = compareMessages(list, messages, {}, Infinity);
    if (changes === null) break;
    expect(changes.written.length).toBe(1);
  }
  expect(inserted).toBe(Math.log2(SPACING));
});

test('more than enough to write is better saved in full', () => {
  const before = listOf(conversation(10));
  const live = conversation(10).map((message) => ({ ...message, content: 'x'.repeat(100) }));
  expect(compareMessages(before, live, {}, 500)).toBeNull();
  expect(compareMessages(before, live, {}, 5_000)?.written.length).toBe(10);
});

test('what is refused is named by its path', () => {
  const live = conversation(3).map((message) => ({ ...message }) as Message);
  const before = listOf(live);
  (live[1] as Message)['metadata'] = { tool: () => 1 };
  expect(() => changesBetween(before, live)).toThrow(
    expect.objectContaining({ code: 'ERR_VALUE_UNSUPPORTED', path: '/messages/1/metadata/tool' }),
  );
});

test('lists that go on from one list do not see each other', () => {
  const messages = conversation(3);
  const list = listOf(messages);
  const one = changesBetween(list, [...messages, ...conversation(1, 10)]).list;
  const other = changesBetween(list, [...messages, ...conversation(2, 20)]).list;
  expect([list.length, one.length, other.length]).toEqual([3, 4, 5]);
  expect([one.kept(3).id, other.kept(3).id]).toEqual(['m10', 'm20']);
  expect(list.bytes).toBeLessThan(one.bytes);
});

test.each<[string, (message: Message) => void]>([
  ['of a Date', ({ timestamp }) => Object.assign(timestamp, { toJSON: () => 'custom' })],
  ['hidden on an array', ({ list }) => Object.defineProperty(list, 'toJSON', { value: () => 'custom' })],
  ['hidden on an array within', ({ deep }) => Object.defineProperty(deep.list, 'toJSON', { value: () => 'custom' })],
])('where JSON says what is stored, a toJSON that was added since is a change: %s', (_, add) => {
  const options = { unsupported: 'json' } as const;
  const messages: Message[] = conversation(3).map((message) => ({ ...message, list: [1, 2], deep: { list: [] } }));
  const before = MessageList.inFull(messages.map((message, at) => keep(message, at, options)));
  expect(compareMessages(before, messages, options, Infinity)?.written).toEqual([]);
  add(messages[1] as Message);
  const changes = compareMessages(before, messages, options, Infinity);
  expect(changes?.positions).toEqual([before.position(1)]);
  expect(changes?.written[0]?.text).toContain('"custom"');
  const after = changes?.list as MessageList;
  expect(compareMessages(after, messages, options, Infinity)?.written).toEqual([]);
});
