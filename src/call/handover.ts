/** What a transfer means for the supervisions of the call (R-FLOW-2, R-FLOW-3). */
import { customerOf, openSupervisions, type Participant, type Queue } from './model.ts';
import { endSupervision, type Work } from './work.ts';

/**
 * Called before the agent `from` leaves. A barge goes along inside the team, to the new agent; to another team, another
 * queue or a number it ends with `transferred_out` (R-FLOW-2). A listener or coach stays with the target: with an agent
 * who leaves it ends (`agent_left`, R-FLOW-3), with the customer it goes on (R-HEAR-6).
 */
export function handover(work: Work, from: Participant, to: Participant | Queue): void {
  const { call } = work;
  const customer = customerOf(call);
  const inside = 'role' in to ? to.team !== null && to.team === from.team : to.id === call.queue?.id;
  for (const s of openSupervisions(call)) {
    if (s.mode !== 'barge' || s.phase.kind === 'ringing') continue;
    if (s.target !== from.id && s.target !== customer?.id) continue;
    if (!inside) endSupervision(work, s, 'transferred_out');
    else if (s.target === from.id && 'role' in to) {
      if (hasCoach(work, to.id))
        endSupervision(work, s, 'agent_left'); // R-EXCL-3
      else s.target = to.id;
    }
  }
}

const hasCoach = (work: Work, agentId: string): boolean =>
  openSupervisions(work.call).some((s) => s.target === agentId && s.mode !== 'listen');
