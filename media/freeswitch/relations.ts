/**
 * The hear matrix in the words of mod_conference: members hear each other unless a relation forbids it, so every pair that
 * the matrix does not allow is one `nospeak`. Pure.
 */
import type { EngineMatrix } from '../engine.ts';

export interface Member {
  readonly id: string; // of the endpoint
  readonly member: number; // of the conference
}

/** Source to the listeners that must not hear it, as member numbers. */
export type Denied = ReadonlyMap<number, ReadonlySet<number>>;

export interface Relate {
  readonly source: number;
  readonly listeners: readonly number[];
  readonly action: 'nospeak' | 'clear';
}

/** R-HEAR-1: whatever the matrix does not name is denied; nobody is related to themselves (R-HEAR-7). */
export function deniedPairs(members: Iterable<Member>, matrix: EngineMatrix): Denied {
  const all = [...members];
  return new Map(
    all.map((source) => [
      source.member,
      new Set(
        all
          .filter((listener) => listener.member !== source.member && matrix.get(listener.id)?.has(source.id) !== true)
          .map((listener) => listener.member),
      ),
    ]),
  );
}

/** What leads from one to the other; what is taken away comes first, so that no pair is open in between that neither allows. */
export function changes(before: Denied, after: Denied): Relate[] {
  return [...missing(after, before, 'nospeak'), ...missing(before, after, 'clear')];
}

/** The pairs of `these` that are not in `those`, of sources that are still there. */
function missing(these: Denied, those: Denied, action: Relate['action']): Relate[] {
  const result: Relate[] = [];
  for (const [source, denied] of these) {
    const other = those.get(source);
    if (action === 'clear' && other === undefined) continue; // the source has left
    const listeners = [...denied].filter((listener) => other?.has(listener) !== true);
    // A listener that has left needs no clearing.
    const present = action === 'clear' ? listeners.filter((listener) => those.has(listener)) : listeners;
    if (present.length > 0) result.push({ source, listeners: present, action });
  }
  return result;
}

/** Arguments of `conference NAME`. */
export function relateCommand({ source, listeners, action }: Relate): string {
  return `relate ${String(source)} ${listeners.join(',')} ${action}`;
}

/** FreeSWITCH confirms each pair by a line of its own. */
export function isConfirmed({ listeners }: Relate, reply: string): boolean {
  return reply.split('\n').filter((line) => line.startsWith('+OK')).length === listeners.length;
}
