/** One time that an agent is gone: until it is healthy again, by itself or brought back, or is let go. */
export interface Outage {
  /** The attempts to bring it back that have begun. */
  attempts: number;
  /** It may have been started anew: then a sign of life does not show that it has missed nothing. */
  called: boolean;
  /** It has been. */
  brought: boolean;
  /** It has not taken what it missed, when that was handed to it. */
  refused: boolean;
  /** It has given a sign of life, and has not fallen silent again: nobody will tell of that once more. */
  answers: boolean;
}

export const newOutage = (): Outage => ({ attempts: 0, called: false, brought: false, refused: false, answers: false });
