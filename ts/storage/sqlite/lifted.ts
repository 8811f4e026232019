/**
 * Long contents come beside the messages they belong to, as parts of one text that the engine keeps outside of its heap: to
 * cut a part off copies nothing. The part holds on to the text it is of, some forty kilobytes.
 */

/** What was taken out of messages. */
export interface Lifted {
  /** Contents that are Latin-1, one behind the other. */
  readonly narrow: string;
  /** The others. */
  readonly wide: string;
  /** For each message where its content ends: in the narrow text, negative in the wide one, 0 where it has it already. */
  readonly ends: Int32Array;
}

/** Gives the messages their contents back. */
export function putBack(messages: readonly unknown[], { narrow, wide, ends }: Lifted): void {
  let fromNarrow = 0;
  let fromWide = 0;
  for (let at = 0; at < ends.length; at += 1) {
    const end = ends[at] as number;
    if (end === 0) continue;
    const message = messages[at] as { content: string };
    if (end > 0) {
      message.content = narrow.slice(fromNarrow, end);
      fromNarrow = end;
    } else {
      message.content = wide.slice(fromWide, -end);
      fromWide = -end;
    }
  }
}
