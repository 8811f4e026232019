/** Faults at one system call, and a record of all of them; by strace, which only Linux has. */
import { spawn, spawnSync } from 'node:child_process';

/** What changes files. A journal is written with `writev`, and so is none of them. */
export const CHANGES = [
  ...['write', 'pwrite64', 'fsync', 'fdatasync', 'ftruncate', 'fallocate', 'rename', 'renameat', 'renameat2'],
  ...['link', 'linkat', 'symlink', 'symlinkat', 'unlink', 'unlinkat', 'mkdir', 'copy_file_range', 'sendfile'],
];

const QUIET = ['-f', '--seccomp-bpf', '-qq', '-e', 'signal=none'];

/** Whether it is there and allowed. */
export function straceWorks() {
  const tried = spawnSync('strace', [...QUIET, '-o', '/dev/null', 'true']);
  return tried.status === 0;
}

/**
 * The words before the program that let a fault happen: `what` as strace has it, such as `error=EIO`, at the n-th call of
 * its kind in each thread.
 */
export function faultAt(call, what, when) {
  // Signals are not sent where the kernel passes over the calls in between.
  const quiet = what.startsWith('signal') ? QUIET.filter((word) => word !== '--seccomp-bpf') : QUIET;
  return ['strace', ...quiet, '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${call}:${what}:when=${when}`];
}

/** Has the disk of a process that runs be silent for so long at every sync; resolves when it is, and gives how to end that. */
export function stallSyncs(pid, ms) {
  const calls = 'fsync,fdatasync';
  const delay = `inject=${calls}:delay_enter=${ms * 1000}`;
  const tracer = spawn('strace', ['-f', '-o', '/dev/null', '-e', `trace=${calls}`, '-e', delay, '-p', String(pid)]);
  return new Promise((resolve, reject) => {
    let told = '';
    tracer.once('error', reject);
    tracer.once('close', () => reject(new Error(`strace ended: ${told}`)));
    tracer.stderr.setEncoding('utf8').on('data', (text) => {
      told += text;
      if (/attached/.test(told)) resolve(() => new Promise((ended) => tracer.once('close', ended).kill('SIGINT')));
    });
  });
}

/** The words before the program that record which changes it makes. */
export function recordCalls(file) {
  return ['strace', ...QUIET, '-y', '-s', '4096', '-o', file, '-e', `trace=${CHANGES.join(',')}`];
}

/** The words before the program that record every change in `file`, with its data; perhaps with one sync that fails. */
export function recordInto(file, failing = null) {
  const calls = [...CHANGES, 'open', 'openat', 'writev', 'close'].join(',');
  const fault = failing === null ? [] : ['-e', `inject=fsync,fdatasync:error=EIO:when=${failing}`];
  return ['strace', ...QUIET, '-ttt', '-xx', '-y', '-s', '100000000', '-o', file, '-e', `trace=${calls}`, ...fault];
}
