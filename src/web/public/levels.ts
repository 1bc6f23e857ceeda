/** How loud everybody in the selected call is, while it is shown and somebody looks. */
import { EventLine } from './data/stream.ts';
import { draw, offers, state } from './state.ts';

let line: EventLine | null = null;
let following: string | null = null;

/** Follows a call, or none. Does nothing where the server does not offer it. */
export function followLevels(callId: string | null): void {
  const wanted =
    callId !== null && offers('GET /calls/{id}/levels') && document.visibilityState === 'visible' ? callId : null;
  if (wanted === following) return;
  line?.close();
  line = null;
  following = wanted;
  state.levels = null;
  if (wanted === null) return;
  line = new EventLine({
    url: `/api/v1/calls/${encodeURIComponent(wanted)}/levels`,
    onOpen: () => undefined,
    onState: () => undefined,
    onEvent({ data }) {
      state.levels = new Map(Object.entries(JSON.parse(data) as Record<string, number>));
      draw();
    },
    waits: [2000, 5000, 15_000],
  });
  line.open();
}
