/**
 * The tables. A group has lines; a line is a trial (a file of `trials/`) with parameters, the candidates that run it, and
 * what we want of it: `goals` name the rival, the goal of the plan and the largest ratio of our time to the rival's;
 * `holdGoal` is the longest that our loop may be held, in milliseconds; `goal` is a limit of our figure itself. `show` says
 * what the figure is, a duration unless something else is said; `small` replaces parameters in a quick run; `trials` is how
 * many processes are enough where one takes minutes.
 */
import { bus } from './bus.mjs';
import { health } from './health.mjs';
import { log } from './log.mjs';
import { storage } from './storage.mjs';

export const groups = { bus, storage, log, health };
