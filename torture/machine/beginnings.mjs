/** What a child begins with: nothing, or the same few objects each time. */
import { cpSync, mkdirSync } from 'node:fs';
import path from 'node:path';

import { runChild } from './child.mjs';
import { Oracle } from './oracle.mjs';
import { inDirectory, withPlace } from './places.mjs';

/** The states of a child that begins with something come after those that are there. */
const LATER = 1_000;

/**
 * Hands on `begin(work)`, which lets `work` have a fresh directory, an oracle that knows what is in it, and the words of
 * the child.
 */
export async function withBeginning(subject, options, prepared, run) {
  const begun = async (source) => {
    const found = prepared ? await prepare(subject, source, options) : new Map();
    const wanted = prepared ? { ...options, first: LATER } : options;
    const fresh = (work) => (directory) => {
      cpSync(source, directory, { recursive: true });
      return work(directory, new Oracle(found), subject.words(directory, wanted));
    };
    return run((work) =>
      inDirectory((parent) => {
        const directory = path.join(parent, 'place');
        mkdirSync(directory);
        return withPlace(subject, directory, fresh(work));
      }),
    );
  };
  return inDirectory((source) => withPlace(subject, source, begun));
}

async function prepare(subject, directory, options) {
  const words = subject.words(directory, { ...options, ops: 6 });
  const { how, complaint } = await runChild({ script: subject.script, words });
  if (how !== 0) throw new Error(`the child ended with ${how}\n${complaint}`);
  return subject.look(directory);
}
