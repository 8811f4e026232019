/**
 * The time of events. Asking the system costs more than all the rest of an emit, so while many are emitted a native
 * thread counts ticks of two milliseconds in shared memory, and the system is asked once a tick.
 */
import { isNative } from '../codec/originals.js';
import { SmallTalkError } from '../errors.js';
import { crossing, nativeAvailable, type Native } from '../native.js';

/** What a question within the same millisecond has to follow so often that ticks are worth their thread. */
const HOT = 16;

/** None where this is loaded when fake timers are in place already: ticks are of the system's time. */
const systemNow = isNative(Date.now) ? Date.now : null;

/** `[tick, or 0 while the clock stands; set to 1 when the tick is read]`: to the engine a constant, unlike native memory. */
const face = new Int32Array(new ArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
let handle: ReturnType<Native['clockOpen']> | null = null;
let asked = false;
let millisecond = 0;
let questions = 0;

/** What stays the same for about two milliseconds; 0 where the time has to be asked anew, as with a replaced `Date.now`. */
export function currentTick(): number {
  return Date.now === systemNow ? (face[0] as number) : 0;
}

/** Milliseconds since the epoch, at the beginning of a tick or, for 0, now. */
export function timeOfTick(tick: number): number {
  const time = Date.now();
  if (tick !== 0) {
    face[1] = 1;
  } else if (time !== millisecond) {
    millisecond = time;
    questions = 0;
  } else if (++questions === HOT && Date.now === systemNow) {
    warmUp();
  }
  return time;
}

/** Starts the clock. The first time the binary may have to be loaded: after what runs now. */
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
    handle = crossing(SmallTalkError, (binary) => binary.clockOpen());
  } catch {
    handle = null;
  }
}

function wake(opened: NonNullable<typeof handle>): void {
  try {
    crossing(SmallTalkError, (binary) => binary.clockWake(opened, face));
  } catch {
    // Without its thread the clock stands, and the system goes on being asked.
    handle = null;
  }
}
