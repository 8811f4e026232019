'use strict';

/**
 * Ends JavaScript at the entry of any function of the package, or the head of any of its loops, as a `vm` does when its time is
 * up: there the engine looks whether it is to end, and nowhere else but in what Node itself does. To be loaded before the package.
 */
const { readFileSync } = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const vm = require('node:vm');

const ts = require('typescript');

const OURS = path.join(__dirname, '../../dist') + path.sep;

/** How many entries are left until the one at which JavaScript ends; 0: none does. */
let left = 0;
/** Where it did; null where it did not. */
let place = null;

global.entered = (where) => {
  if (left === 0) return;
  left -= 1;
  if (left > 0) return;
  place = where;
  for (;;);
};

const endless = new vm.Script('work()');

/** Its time was up of itself, before it came so far. */
const BY_CHANCE = 'by chance';
exports.BY_CHANCE = BY_CHANCE;

/** Calls `work`, and ends it at its n-th entry. Where that was; null where it has fewer. */
exports.endedAt = (n, work) => {
  left = n;
  place = null;
  try {
    endless.runInNewContext({ work }, { timeout: 1 });
  } catch (error) {
    if (error.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    place ??= BY_CHANCE;
  }
  left = 0;
  return place;
};

const load = Module._extensions['.js'];
Module._extensions['.js'] = (module, file) => {
  if (!file.startsWith(OURS)) return load(module, file);
  const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), {
    compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.CommonJS },
    transformers: { before: [(context) => (root) => tellOfEntries(context, root, path.relative(OURS, file))] },
  });
  return module._compile(outputText, file);
};

const LOOPS = ['ForStatement', 'ForOfStatement', 'WhileStatement', 'DoStatement'];

/** Puts a call of `entered` at the beginning of each function and of each round of a loop. */
function tellOfEntries(context, root, name) {
  const { factory } = context;
  const told = (node) => {
    const { line } = root.getLineAndCharacterOfPosition(node.getStart(root));
    const where = factory.createStringLiteral(`${name}:${line + 1}`);
    return factory.createCallExpression(factory.createIdentifier('entered'), undefined, [where]);
  };
  /** The same, told of before it. */
  const after = (node, part) => {
    const call = told(node);
    if (!ts.isBlock(part) && !ts.isStatement(part))
      return factory.createParenthesizedExpression(factory.createComma(call, part));
    const statements = ts.isBlock(part) ? part.statements : [part];
    return factory.createBlock([factory.createExpressionStatement(call), ...statements], true);
  };
  const visit = (node) => {
    const isLoop = LOOPS.some((kind) => ts[`is${kind}`](node));
    const part = isLoop ? node.statement : ts.isFunctionLike(node) ? node.body : undefined;
    if (part === undefined) return ts.visitEachChild(node, visit, context);
    const visitPart = (child) => (child === part ? after(node, visit(child)) : visit(child));
    return ts.visitEachChild(node, visitPart, context);
  };
  return ts.visitNode(root, visit);
}
