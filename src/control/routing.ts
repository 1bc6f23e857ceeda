/** From a dialled string to where it leads. Pure. */
import type { AgentState, Mode } from '../call/views.ts';
import type { QueueConfig, UserConfig } from '../config/schema.ts';
import type { Directory } from './directory.ts';
import type { CallSource } from './ports.ts';

export type Route =
  | { readonly kind: 'queue'; readonly queue: QueueConfig }
  | { readonly kind: 'user'; readonly user: UserConfig }
  | { readonly kind: 'number'; readonly number: string; readonly trunkId: string }
  | { readonly kind: 'supervise'; readonly mode: Mode; readonly agent: UserConfig } // R-START-9
  | { readonly kind: 'state'; readonly state: AgentState }
  /** `status`: 404 unknown number, 503 a number for which no trunk leads out. */
  | { readonly kind: 'none'; readonly status: number; readonly reason: string };

const UNKNOWN: Route = { kind: 'none', status: 404, reason: 'Not Found' };

/** Callers from a trunk reach queues and extensions only: neither feature codes nor, for a third party's money, a trunk. */
export function route(directory: Directory, source: CallSource['kind'], dialled: string): Route {
  const queue = directory.queueByNumber(dialled);
  if (queue !== undefined) return { kind: 'queue', queue };
  const user = directory.extension(dialled);
  if (user !== undefined) return { kind: 'user', user };
  if (source === 'trunk') return UNKNOWN;
  return featureCode(directory, dialled) ?? outward(directory, dialled);
}

function outward(directory: Directory, number: string): Route {
  const trunk = directory.trunkFor(number);
  if (trunk === undefined) return UNKNOWN;
  if (trunk.outbound === undefined) return { kind: 'none', status: 503, reason: 'No trunk leads out' };
  return { kind: 'number', number, trunkId: trunk.id };
}

function featureCode(directory: Directory, dialled: string): Route | null {
  const codes = directory.config.featureCodes;
  const states: readonly (readonly [string, AgentState])[] = [
    [codes.available, 'available'],
    [codes.away, 'away'],
    [codes.offline, 'offline'],
  ];
  const state = states.find(([code]) => code === dialled);
  if (state !== undefined) return { kind: 'state', state: state[1] };
  const modes: readonly (readonly [string, Mode])[] = [
    [codes.listen, 'listen'],
    [codes.whisper, 'whisper'],
    [codes.barge, 'barge'],
  ];
  for (const [code, mode] of modes) {
    if (!dialled.startsWith(code)) continue;
    const agent = directory.extension(dialled.slice(code.length));
    if (agent !== undefined) return { kind: 'supervise', mode, agent };
  }
  return null;
}
