/**
 * Who hears whom: the single place that decides it (R-HEAR-1). An allow-list, empty by default, computed from the
 * call's state alone. Music and ringback are what someone hears who otherwise hears nobody.
 */
import {
  isConnected,
  isLive,
  isParty,
  legsOf,
  participant,
  type Call,
  type Participant,
  type Supervision,
} from './model.ts';

export type HearMatrix = Map<string, Set<string>>;

const isBuiltIn = (source: string): boolean => source === 'music' || source === 'ringback';

/** Has stepped out of the conversation: neither hears its parties nor is heard by them. */
const stepsOut = (p: Participant): boolean => p.phoneHold || p.apiHold;

/** Can be sent audio: answered, or a caller who was sent early media. */
const reachable = (p: Participant): boolean =>
  p.leg.kind === 'connected' || (p.leg.kind === 'ringing' && p.leg.early === 'listens');

/** Audio of it is wanted: answered, or a called party with early media (ringing tone, announcement of the network). */
const audible = (p: Participant): boolean =>
  p.leg.kind === 'connected' || (p.leg.kind === 'ringing' && p.leg.early === 'speaks');

/** Two legs of one person: they never hear each other (R-HEAR-7: nobody hears themselves). */
const samePerson = (a: Participant, b: Participant): boolean =>
  a.id === b.id || a.aliasOf === b.id || b.aliasOf === a.id;

function allow(matrix: HearMatrix, listener: string, source: string): void {
  if (listener === source) return;
  const sources = matrix.get(listener);
  if (sources === undefined) matrix.set(listener, new Set([source]));
  else sources.add(source);
}

/** Whom the parties of the call hear, supervisors left aside. */
function conversation(call: Call): HearMatrix {
  const matrix: HearMatrix = new Map();
  const parties = call.participants.filter((p) => isParty(p) && isLive(p) && !stepsOut(p));
  for (const listener of parties) {
    if (!reachable(listener)) continue;
    for (const source of parties) {
      if (source.room !== listener.room || samePerson(listener, source) || !audible(source)) continue;
      allow(matrix, listener.id, source.id);
    }
  }
  return matrix;
}

/** Ready to hear: answered, not paused, not put on hold by a consult, and not holding from the own phone. */
function attends(call: Call, s: Supervision): boolean {
  if (s.paused || (s.phase.kind !== 'joining' && s.phase.kind !== 'active')) return false; // R-HEAR-5, R-FLOW-1
  const own = participant(call, s.participantId);
  return own !== undefined && isConnected(own) && !stepsOut(own);
}

const targetLegs = (call: Call, s: Supervision): Participant[] => legsOf(call, s.target).filter(isConnected);

/** R-HEAR-4: a full party of the target's conversation, both ways with the target and with everyone it talks to. */
function addBarge(call: Call, s: Supervision, talk: HearMatrix, matrix: HearMatrix): void {
  for (const target of targetLegs(call, s)) {
    const partners = [...(talk.get(target.id) ?? [])];
    for (const other of [target.id, ...partners]) {
      const party = participant(call, other);
      if (party === undefined || !isConnected(party)) continue;
      allow(matrix, s.participantId, other);
      allow(matrix, other, s.participantId);
    }
  }
}

/** R-HEAR-3: the target agent hears the coach. A customer never does, whatever the state says. */
function addCoach(call: Call, s: Supervision, matrix: HearMatrix): void {
  for (const target of targetLegs(call, s)) {
    if (target.role !== 'customer') allow(matrix, target.id, s.participantId);
  }
}

/** R-HEAR-2: the target and everyone whom the target hears; never the music that is played to the target (R-HEAR-6). */
function addEar(call: Call, s: Supervision, matrix: HearMatrix): void {
  for (const target of targetLegs(call, s)) {
    allow(matrix, s.participantId, target.id);
    for (const source of [...(matrix.get(target.id) ?? [])]) {
      if (!isBuiltIn(source)) allow(matrix, s.participantId, source);
    }
  }
}

/** What is played to a party that hears nobody. */
function filler(call: Call, p: Participant): 'music' | 'ringback' | null {
  if (stepsOut(p) || !isConnected(p)) return null;
  if (p.role === 'customer') return 'music';
  const others = call.participants.filter((o) => isParty(o) && !samePerson(o, p));
  if (others.some((o) => o.leg.kind === 'ringing' && o.room === p.room && o.leg.purpose.kind !== 'caller')) {
    return 'ringback';
  }
  return others.some((o) => isConnected(o) && (stepsOut(o) || o.room !== p.room)) ? 'music' : null;
}

/** Listener (participant id) to the sources it hears. A participant that is absent hears nobody. */
export function hearMatrix(call: Call): HearMatrix {
  const talk = conversation(call);
  const matrix: HearMatrix = new Map([...talk].map(([listener, sources]) => [listener, new Set(sources)]));
  const attending = call.supervisions.filter((s) => attends(call, s));
  const barging = attending.filter((s) => s.mode === 'barge');
  for (const s of barging) addBarge(call, s, talk, matrix);
  for (const s of attending) if (s.mode === 'whisper') addCoach(call, s, matrix);
  for (const s of attending) addEar(call, s, matrix);
  for (const p of call.participants) {
    if (!isParty(p) || matrix.has(p.id)) continue;
    const played = filler(call, p);
    if (played !== null) allow(matrix, p.id, played);
  }
  return matrix;
}

export function sameMatrix(a: HearMatrix, b: HearMatrix): boolean {
  if (a.size !== b.size) return false;
  for (const [listener, sources] of a) {
    const others = b.get(listener);
    if (others?.size !== sources.size) return false;
    for (const source of sources) if (!others.has(source)) return false;
  }
  return true;
}
