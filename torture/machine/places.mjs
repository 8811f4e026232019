/** A directory of its own for whoever asks, gone afterwards. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export async function inDirectory(work, parent = tmpdir()) {
  const directory = mkdtempSync(path.join(parent, 'smalltalk-native-torture-'));
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
