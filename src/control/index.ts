import { Control, type ControlOptions } from './control.ts';

export { Control, type ControlOptions } from './control.ts';
export type { Journal, JournalRecord } from './ports.ts';

/** The controller over its ports. `start` lets phones in; `drain` and `close` end it. */
export function createControl(options: ControlOptions): Control {
  return new Control(options);
}
