/** The project's own lint rules: the floors of docs/architecture.md, and that every exception says why. */
import path from 'node:path';

/** What every face may build on; each is a file `ts/<name>.ts`, and perhaps a folder of that name. */
const FLOOR_4 = new Set([
  'errors',
  'native',
  'codec',
  'calls',
  'ids',
  'types',
  'exit',
  'holders',
  'shown',
  'keep-alive',
  'inner-promise',
  'keep-compiled',
  'churn',
  'regular-expressions',
  'stack',
  'timers',
  'signals',
  'supported',
  'options',
  'patience',
  'moments',
  'priorities',
  'session',
]);
/** What may build on every face. */
const FLOOR_6 = new Set(['index', 'framework']);
/** The one face that puts the others together, and those that anyone may put together with theirs. */
const MAY_LOOK_SIDEWAYS = new Set(['open', 'testing']);

const OUTSIDE = 'only native.ts reaches out of ts/, to the generated index.js';

function roomOf(file) {
  const inside = path.relative('ts', path.relative(process.cwd(), file)).split(path.sep);
  return inside[0].replace(/\.ts$/, '');
}

function floorOf(room) {
  if (FLOOR_4.has(room)) return 4;
  return FLOOR_6.has(room) ? 6 : 5;
}

function complaint(from, to) {
  if (from === to) return null;
  const [here, there] = [floorOf(from), floorOf(to)];
  if (there > here) return `floor ${here} ('${from}') must not know floor ${there} ('${to}')`;
  if (here === 5 && there === 5 && !MAY_LOOK_SIDEWAYS.has(from))
    return `'${from}' and '${to}' are faces: they meet in open.ts`;
  return null;
}

const floors = {
  meta: { type: 'problem', schema: [], messages: { floor: 'Imports go down only: {{why}}.' } },
  create(context) {
    const from = roomOf(context.filename);
    // What a face is, without how: its `types.ts` is where others meet it.
    const isShape = (node, target) => node.importKind === 'type' && path.basename(target) === 'types.ts';
    function check(node) {
      const source = node.source?.value;
      if (typeof source !== 'string' || !source.startsWith('.')) return;
      const target = path.resolve(path.dirname(context.filename), source.replace(/\.js$/, '.ts'));
      if (isShape(node, target)) return;
      const inside = !path.relative('ts', target).startsWith('..');
      const why = inside ? complaint(from, roomOf(target)) : from === 'native' ? null : OUTSIDE;
      if (why !== null) context.report({ node, messageId: 'floor', data: { why } });
    }
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
    };
  },
};

const reasons = {
  meta: { type: 'suggestion', schema: [], messages: { reason: 'Say why: eslint-disable … -- the reason.' } },
  create(context) {
    return {
      Program() {
        for (const comment of context.sourceCode.getAllComments()) {
          const isException = /^\s*(eslint-disable|@ts-expect-error|@ts-ignore)/.test(comment.value);
          const saysWhy = /^\s*(eslint-disable\S*.*\s--\s+\S|@ts-\S+\s+\S)/s.test(comment.value);
          if (isException && !saysWhy) context.report({ loc: comment.loc, messageId: 'reason' });
        }
      },
    };
  },
};

export default { rules: { floors, reasons } };
