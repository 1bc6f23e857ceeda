/** Who may see what (R-START-5, R-SEE-2). Pure. */
import { isAgent, isLive, type Call, type Person } from '../call/model.ts';

const isOver = (call: Call): boolean => call.phase === 'closed' || call.phase === 'wrap-up';

/** Teams that a call belongs to: its queue's and its agents'; once it is over, of all who were agents in it. */
export function teamsOfCall(call: Call): Set<string> {
  const ended = isOver(call);
  const teams = new Set<string>();
  if (call.queue !== null) teams.add(call.queue.team);
  for (const p of call.participants) {
    if (isAgent(p) && p.team !== null && (ended || isLive(p))) teams.add(p.team);
  }
  return teams;
}

/** full: with supervisions. plain: a participant's own view, without a trace of them. null: not at all. */
export type Sight = 'full' | 'plain' | null;

/** A participant sees the call while in it, and when it is over. */
export function sight(person: Person, call: Call, everyone: boolean): Sight {
  if (person.role === 'admin') return 'full';
  if (person.role === 'supervisor') {
    if (call.supervisions.some((s) => s.supervisor.id === person.userId)) return 'full';
    const teams = teamsOfCall(call);
    if (person.teams.some((team) => teams.has(team))) return 'full';
  }
  const takesPart = call.participants.some(
    (p) => p.userId === person.userId && p.role !== 'supervisor' && (isLive(p) || isOver(call)),
  );
  if (!takesPart) return null;
  return everyone ? 'full' : 'plain';
}

/** R-SEE-2: who does not see supervisors does not see them talk either. */
export function shownLevels(
  call: Call,
  levels: ReadonlyMap<string, number>,
  sight: 'full' | 'plain',
): readonly (readonly [string, number])[] {
  const shown = call.participants.filter((p) => isLive(p) && (sight === 'full' || p.role !== 'supervisor'));
  return shown.flatMap(({ id }) => {
    const level = levels.get(id);
    return level === undefined ? [] : [[id, Math.round(level)] as const];
  });
}

/** Supervisors and admins see the people of their teams; an agent the agents of the own team, not who supervises them. */
export function seesUser(
  person: Person,
  other: { readonly id: string; readonly role: Person['role']; readonly teams: readonly string[] },
): boolean {
  if (person.role === 'admin' || person.userId === other.id) return true;
  if (person.role === 'agent' && other.role !== 'agent') return false; // R-SEE-2
  return other.teams.some((team) => person.teams.includes(team));
}
