/** Disks that are full, read only, of a network, or gone; and a process that may open no more files. */
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { runChild } from '../machine/child.mjs';
import { withLoopDisk, withSmallDisk } from '../machine/mounts.mjs';
import { Oracle } from '../machine/oracle.mjs';
import { inDirectory } from '../machine/places.mjs';

const child = (name) => fileURLToPath(new URL(`../children/${name}`, import.meta.url));

/** A full disk: a typed error, everything readable, deletes possible, and writing goes on in the room that they made. */
export async function fillDisk(subject, { megabytes = 4, states = 'small' }) {
  return withSmallDisk(megabytes, async (directory) => {
    const oracle = new Oracle();
    const said = [];
    const hear = (line) => {
      said.push(line);
      oracle.hear(line);
    };
    const words = [...subject.words(directory, {}), `states=${states}`];
    const { how, complaint } = await runChild({ script: child('full.cjs'), words, hear });
    if (how !== 0) throw new Error(`the child ended with ${how}\n${complaint}\n${said.slice(-12).join('\n')}`);
    oracle.judge(await subject.look(directory));
    return { acknowledged: oracle.acknowledged, refused: oracle.failures.get('ERR_FULL') ?? 0, lost: 0 };
  });
}

/** A process that may open no more files: a typed error or none, and all is well when it may again. */
export async function exhaustDescriptors(subject) {
  return inDirectory(async (directory) => {
    const oracle = new Oracle();
    const hear = (line, { pid }) => {
      oracle.hear(line);
      if (!line.startsWith('read lift')) return;
      execFileSync('prlimit', ['--pid', String(pid), '--nofile=1024:']);
      process.kill(pid, 'SIGUSR2');
    };
    const words = subject.words(directory, {});
    const { how, complaint } = await runChild({ script: child('descriptors.cjs'), words, hear });
    if (how !== 0) throw new Error(`the child ended with ${how}\n${complaint}`);
    oracle.judge(await subject.look(directory));
    return { acknowledged: oracle.acknowledged, lost: 0 };
  });
}

/** A network file system is refused, and nothing is written there. */
export async function refuseNetwork(subject) {
  return inDirectory(async (directory) => {
    const script = `
      const api = require(${JSON.stringify(fileURLToPath(new URL('../../dist/index.js', import.meta.url)))});
      new api.${subject.adapter}({ path: ${JSON.stringify(subject.place(directory))} }).initialize().then(
        () => console.log('opened'), (error) => console.log(error.code, error.message));`;
    // The kernel's answer, with the number of NFS in place of the one that is true.
    const fault = ['-e', 'trace=statfs', '-e', 'inject=statfs:poke_exit=@arg2=6969000000000000'];
    const { stdout } = spawnSync('strace', ['-f', '-qq', '-o', '/dev/null', ...fault, process.execPath, '-e', script]);
    if (!/^ERR_IO .*NFS/.test(String(stdout))) throw new Error(`it said: ${stdout}`);
    return { refused: 1 };
  });
}

/** The power of a real file system: what it had not written is lost, and nothing that was acknowledged is. */
export async function cutRealPower(subject, { random, cuts }) {
  return withLoopDisk(async (directory, { cutPower, mountAgain }) => {
    const oracle = new Oracle();
    for (let cut = 0; cut < cuts; cut += 1) {
      const enough = 1 + random.below(20);
      let done = 0;
      let off = false;
      const hear = (line, one) => {
        // What is acknowledged when the power has gone says nothing of the disk.
        if (!off || line.startsWith('begin')) oracle.hear(line);
        done += line.startsWith('done') ? 1 : 0;
        if (done < enough || off) return;
        off = true;
        cutPower();
        one.kill('SIGKILL');
      };
      const words = subject.words(directory, { seed: random.seed(), first: cut * 1_000_000 });
      const { how, complaint } = await runChild({ script: subject.script, words, hear });
      // Without its disk it may end by itself.
      if (!off) throw new Error(`the child ended by itself (${how})\n${complaint}`);
      mountAgain();
      const found = await subject.look(directory);
      oracle.judge(found);
      oracle.settle(found);
    }
    return { cuts, acknowledged: oracle.acknowledged, lost: 0 };
  });
}

/** A file system that turns read only under a child: typed errors, and everything readable. */
export async function turnReadOnly(subject, { random }) {
  return withLoopDisk(async (directory, { breakIt, mountAgain }) => {
    const oracle = new Oracle();
    let done = 0;
    let broken = false;
    const hear = (line) => {
      // A sync that is under way when the file system turns read only may be said to have succeeded: what is acknowledged in
      // that moment is readable until the file system is mounted again, and then may be gone.
      oracle.hear(broken ? line.replace(/^done/, 'soft') : line);
      done += line.startsWith('done') ? 1 : 0;
      if (done < 20 || broken) return;
      broken = true;
      breakIt();
    };
    const words = subject.words(directory, { seed: random.seed(), ops: 400 });
    const { how, complaint } = await runChild({ script: subject.script, words, hear });
    if (how !== 0) throw new Error(`the child ended with ${how}\n${complaint}`);
    const odd = [...oracle.failures.keys()].filter((code) => !/^ERR_(?:IO|INDETERMINATE|FULL)$/.test(code));
    if (odd.length > 0 || oracle.failures.size === 0)
      throw new Error(`writes failed with ${[...oracle.failures.keys()]}`);
    mountAgain();
    oracle.judge(await subject.look(directory));
    return {
      acknowledged: oracle.acknowledged,
      refused: [...oracle.failures.values()].reduce((a, b) => a + b),
      lost: 0,
    };
  });
}
