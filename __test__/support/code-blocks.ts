/** Finds the code blocks of a Markdown page. */
import { readFileSync } from 'node:fs';
import path from 'node:path';

export interface CodeBlock {
  /** Where it stands, for people: `README.md:12`. */
  place: string;
  language: string;
  /** Why it cannot be run, where its info string says `no-run: …`. */
  notRun: string | null;
  code: string;
}

const FENCE = /^( *)(`{3,})([^`]*)$/;

/** Every fenced block of the page, in order. An unclosed one is an error. */
export function codeBlocks(root: string, page: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { fence: string; indent: number; info: string; line: number; lines: string[] } | null = null;
  for (const [index, line] of readFileSync(path.join(root, page), 'utf8').split('\n').entries()) {
    const [, indent = '', fence = '', info = ''] = FENCE.exec(line) ?? [];
    if (open === null) {
      if (fence !== '') open = { fence, indent: indent.length, info: info.trim(), line: index + 1, lines: [] };
    } else if (fence.length >= open.fence.length && info.trim() === '') {
      blocks.push(finished(page, open));
      open = null;
    } else {
      open.lines.push(line.slice(Math.min(open.indent, line.length - line.trimStart().length)));
    }
  }
  if (open !== null) throw new Error(`${page}:${open.line}: this block never ends`);
  return blocks;
}

function finished(page: string, { info, line, lines }: { info: string; line: number; lines: string[] }): CodeBlock {
  const [, language = '', rest = ''] = /^(\S*)\s*(.*)$/.exec(info) ?? [];
  const place = `${page}:${line}`;
  const reason = /^no-run: (.+)$/.exec(rest)?.[1] ?? null;
  if (rest !== '' && reason === null) throw new Error(`${place}: "${rest}" is neither empty nor "no-run: <reason>"`);
  return { place, language, notRun: reason, code: `${lines.join('\n')}\n` };
}
