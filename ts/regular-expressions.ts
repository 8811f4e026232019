/** Text of one byte a character, and of two: the engine compiles an expression for each. */
const TEXTS = ['a', '\u2014'];
/** It interprets an expression at first, and compiles it when it is used again. */
const USES = 3;

/**
 * A regular expression that has been compiled. The engine does that when it is used, and ends the process where the stack is
 * nearly full then, as it is where a recursion without end tells of itself.
 */
export function compiled(expression: RegExp): RegExp {
  for (const text of TEXTS) for (let use = 0; use < USES; use += 1) expression.test(text);
  return expression;
}
