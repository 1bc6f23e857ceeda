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

/** One command: every source of it to every listener of it. */
export interface Relate {
  readonly sources: readonly number[];
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

/**
 * What is certainly denied after a command. One that was not confirmed may have been carried out or not: its pairs count as
 * open, and are denied anew (`deniedAnew`) before anything else is done.
 */
export function denialsAfter(before: Denied, { sources, listeners, action }: Relate, confirmed: boolean): Denied {
  const after = new Map(before);
  for (const source of sources) {
    const denied = new Set(before.get(source));
    for (const listener of listeners) {
      if (action === 'clear') denied.delete(listener);
      else if (confirmed) denied.add(listener);
    }
    after.set(source, denied);
  }
  return after;
}

/** For commands that were not confirmed, as far as the members are still there. */
export function deniedAnew(doubtful: readonly Relate[], members: readonly Member[]): Relate[] {
  const there = (member: number): boolean => members.some((each) => each.member === member);
  return doubtful
    .map(({ sources, listeners }): Relate => {
      return { sources: sources.filter(there), listeners: listeners.filter(there), action: 'nospeak' };
    })
    .filter(({ sources, listeners }) => sources.length > 0 && listeners.length > 0);
}

/**
 * The pairs of `these` that are not in `those`, of sources that are still there. Sources with the same listeners share a
 * command: FreeSWITCH carries out one at an instant, and the next some milliseconds later.
 */
function missing(these: Denied, those: Denied, action: Relate['action']): Relate[] {
  const shared = new Map<string, { readonly sources: number[]; readonly listeners: readonly number[] }>();
  for (const [source, denied] of these) {
    const other = those.get(source);
    if (action === 'clear' && other === undefined) continue; // the source has left
    const changed = [...denied].filter((listener) => other?.has(listener) !== true);
    // A listener that has left needs no clearing.
    const listeners = action === 'clear' ? changed.filter((listener) => those.has(listener)) : changed;
    if (listeners.length === 0) continue;
    const key = listeners.toSorted((a, b) => a - b).join(',');
    const before = shared.get(key);
    if (before === undefined) shared.set(key, { sources: [source], listeners });
    else before.sources.push(source);
  }
  return [...shared.values()].map((each) => ({ ...each, action }));
}

/** Arguments of `conference NAME`. */
export function relateCommand({ sources, listeners, action }: Relate): string {
  return `relate ${sources.join(',')} ${listeners.join(',')} ${action}`;
}

/** FreeSWITCH confirms each pair by a line of its own. */
export function isConfirmed({ sources, listeners }: Relate, reply: string): boolean {
  const confirmed = reply.split('\n').filter((line) => line.startsWith('+OK')).length;
  return confirmed === sources.length * listeners.length;
}
