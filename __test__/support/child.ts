/** Running a program and waiting for its end. */
import { execFile } from 'node:child_process';

export interface Ended {
  /** The exit code; a program that was killed, for example by the time limit, has the name of the signal. */
  code: number | string;
  output: string;
}

export interface ChildOptions {
  cwd: string;
  /** Less than a test may take: then what the program has printed is told. */
  timeoutMs?: number;
  env?: NodeJS.ProcessEnv;
}

/** Resolves, never rejects. */
export function runProgram(
  file: string,
  words: string[],
  { cwd, timeoutMs = 100_000, env }: ChildOptions,
): Promise<Ended> {
  return new Promise((resolve) => {
    const options = {
      cwd,
      timeout: timeoutMs,
      env: { ...process.env, ...env },
      shell: file === 'npm' && process.platform === 'win32',
    };
    const child = execFile(file, words, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : (error.signal ?? error.code ?? 1);
      resolve({ code, output: `${stdout}${stderr}` });
    });
    child.stdin?.end();
  });
}

/** Runs a script with the Node that runs the tests. */
export function runNode(words: string[], options: ChildOptions): Promise<Ended> {
  return runProgram(process.execPath, words, options);
}
