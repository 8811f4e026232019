/**
 * The time of events. Asking the system costs more than all the rest of an emit, so while many are emitted a native
 * thread counts ticks of two milliseconds in shared memory, and the system is asked once a tick.
 */
import { SmallTalkError } from '../errors.js';
import { crossing, nativeAvailable, type Native } from '../native.js';

/** What a question within the same millisecond has to follow so often that ticks are worth their thread. */
const HOT = 16;

const systemNow = Date.now;

/** `[tick, or 0 while the clock stands; set to 1 when the tick is read]`. */
let face: Int32Array | null = null;
let handle: ReturnType<Native['clockOpen']> | null = null;
let asked = false;
let millisecond = 0;
let questions = 0;

/** The clock as it is to be read: a call of one of its functions that never changes costs least. */
export const clock = {
  /**
   * What stays the same for about two milliseconds; 0 where the time has to be asked anew, as with a replaced `Date.now`.
   * Another function once the native clock has been opened.
   */
  currentTick: (): number => 0,
};

/** A function of its own for this memory, which is a constant in it. */
function readerOf(shown: Int32Array): () => number {
  return () => (Date.now === systemNow ? (shown[0] as number) : 0);
}

/** Milliseconds since the epoch, at the beginning of a tick or, for 0, now. */
export function timeOfTick(tick: number): number {
  const time = Date.now();
  if (tick !== 0 && face !== null) {
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
    const opened = crossing(SmallTalkError, (binary) => binary.clockOpen());
    const shown = crossing(SmallTalkError, (binary) => binary.clockFace(opened));
    // Where the runtime shares no memory, the system is asked each time.
    if (shown === null) return;
    face = shown;
    clock.currentTick = readerOf(shown);
    handle = opened;
  } catch {
    handle = null;
  }
}

function wake(opened: NonNullable<typeof handle>): void {
  try {
    crossing(SmallTalkError, (binary) => binary.clockWake(opened));
  } catch {
    // Without its thread the clock stands, and the system goes on being asked.
    handle = null;
  }
}
