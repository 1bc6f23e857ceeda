/** Who is to be told by sound that the call is supervised (R-SEE-5). */
import { connectedParties, isAgent, isConnected, participant, type Call } from './model.ts';

export type Disclosure = 'none' | 'agent' | 'customer' | 'both';

/** Participant ids: while a supervisor is attached, paused or not. */
export function disclosedTo(call: Call, policy: Disclosure): Set<string> {
  const attached = call.supervisions.some((s) => {
    const own = participant(call, s.participantId);
    return s.phase.kind !== 'ended' && s.phase.kind !== 'ringing' && own !== undefined && isConnected(own);
  });
  if (policy === 'none' || !attached) return new Set();
  const told = connectedParties(call).filter((p) => policy === 'both' || (policy === 'agent') === isAgent(p));
  return new Set(told.map((p) => p.id));
}
