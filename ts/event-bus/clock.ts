/** The time of events: `Date.now()` while few are emitted, a load from shared memory while many are. */
import { SmallTalkError } from '../errors.js';
import { crossing, nativeAvailable, type Native } from '../native.js';

/** What a read within the same millisecond has to follow so often that the shared clock is worth its thread. */
const HOT = 16;

const systemNow = Date.now;

/** Times pass through here: a number from such an array costs no allocation, one from a call may. */
const cell = new Float64Array(1);

let face: Float64Array | null = null;
let handle: ReturnType<Native['clockOpen']> | null = null;
let asked = false;
let millisecond = 0;
let reads = 0;

/** Milliseconds since the epoch; while hot it may be a few behind. A replaced `Date.now` is honoured. */
export function now(): number {
  if (face !== null && face[0] !== 0 && Date.now === systemNow) {
    face[1] = 1;
    return face[0] as number;
  }
  askSystem();
  return cell[0] as number;
}

function askSystem(): void {
  const time = Date.now();
  cell[0] = time;
  if (time !== millisecond) {
    millisecond = time;
    reads = 0;
  } else if (++reads === HOT && Date.now === systemNow) {
    warmUp();
  }
}

/** Starts the shared clock. The first time the binary may have to be loaded: after what runs now. */
function warmUp(): void {
  if (handle !== null) {
    wake(handle);
  } else if (!asked) {
    asked = true;
    queueMicrotask(open);
  }
}

function open(): void {
  if (!nativeAvailable()) return;
  try {
    const opened = crossing(SmallTalkError, (binary) => binary.clockOpen());
    face = crossing(SmallTalkError, (binary) => binary.clockFace(opened));
    // Where the runtime shares no memory, Date.now() it is.
    if (face !== null) handle = opened;
  } catch {
    face = null;
  }
}

function wake(opened: NonNullable<typeof handle>): void {
  try {
    crossing(SmallTalkError, (binary) => binary.clockWake(opened));
  } catch {
    // Without its thread the clock stands, and Date.now() goes on being asked.
    handle = null;
  }
}
