/** File systems of our own, for those who may mount some. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { inDirectory } from './places.mjs';

const run = (program, ...words) =>
  execFileSync(program, words, { stdio: ['ignore', 'pipe', 'pipe'] })
    .toString()
    .trim();

/** Whether this process may. */
export function mayMount() {
  if (process.getuid?.() !== 0) return false;
  const script = 'd=$(mktemp -d) && mount -t tmpfs -o size=1m tmpfs "$d" && umount "$d" && rmdir "$d"';
  return spawnSync('sh', ['-c', script], { stdio: 'ignore' }).status === 0;
}

/** A file system in memory, of so many megabytes, that is there at `place` while `work` runs. */
export async function withDiskAt(place, megabytes, work) {
  mkdirSync(place, { recursive: true });
  run('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', place);
  try {
    return await work(place);
  } finally {
    run('umount', '-l', place);
  }
}

/** The same in a directory of its own. */
export function withSmallDisk(megabytes, work) {
  return inDirectory((parent) => withDiskAt(path.join(parent, 'small'), megabytes, work));
}

/** An ext4 on a file: `work` gets where it is, and `{ cutPower, mountAgain, breakIt }`. */
export function withLoopDisk(work) {
  return inDirectory(async (parent) => {
    const image = path.join(parent, 'image');
    const place = path.join(parent, 'disk');
    mkdirSync(place);
    run('truncate', '-s', '96M', image);
    run('mkfs.ext4', '-q', image);
    const device = run('losetup', '--find', '--show', image);
    const mount = () => run('mount', '-o', 'errors=remount-ro', device, place);
    mount();
    try {
      return await work(place, {
        /** Nothing more gets to the disk, and what had not is lost. */
        cutPower: () => {
          // EXT4_IOC_SHUTDOWN, without writing the log.
          const script = 'open(my $f, "<", shift) or die; my $how = pack("L", 2); ioctl($f, 0x8004587D, $how) or die';
          run('perl', '-e', script, place);
        },
        mountAgain: () => {
          run('umount', '-l', place);
          mount();
        },
        /** From now on it is read only. */
        breakIt: () => writeFileSync(`/sys/fs/ext4/${path.basename(device)}/trigger_fs_error`, 'torture\n'),
      });
    } finally {
      spawnSync('umount', ['-l', place]);
      run('losetup', '-d', device);
    }
  }, tmpdir());
}
