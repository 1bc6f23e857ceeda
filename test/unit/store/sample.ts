import type { CallView, SupervisionView } from '../../../src/call/views.ts';
import type { JournalRecord } from '../../../src/control/ports.ts';

export const AT = '2026-01-02T03:04:05.678Z';

export function sampleCall(id: string, change: Partial<CallView> = {}): CallView {
  return {
    id,
    state: 'closed',
    direction: 'inbound',
    customer: { number: '+441632960000', name: 'Ann Other' },
    agent: { id: 'alice', name: 'Alice', team: 'sales' },
    queue: 'sales',
    startedAt: AT,
    answeredAt: AT,
    endedAt: AT,
    waitSeconds: 1.5,
    talkSeconds: 20,
    held: false,
    consult: null,
    sentiment: null,
    endReason: 'customer_left',
    participants: [],
    supervisions: [],
    actions: [],
    ...change,
  };
}

export function sampleSupervision(id: string, change: Partial<SupervisionView> = {}): SupervisionView {
  return {
    id,
    callId: 'c1',
    supervisor: { id: 'sam', name: 'Sam' },
    target: 'p2',
    mode: 'listen',
    paused: false,
    state: 'active',
    startedAt: AT,
    answeredAt: AT,
    endedAt: null,
    endReason: null,
    ...change,
  };
}

export function audit(event: 'started' | 'updated' | 'ended', supervision: SupervisionView): JournalRecord {
  return { kind: 'audit', event, at: AT, supervision, target: { userId: 'alice', name: 'Alice' } };
}

export function timeline(callId: string, type: string, data: Record<string, unknown> = {}): JournalRecord {
  return { kind: 'timeline', callId, entry: { at: AT, type, by: null, data } };
}

export function closed(call: CallView): JournalRecord {
  return { kind: 'call', call, timeline: [] };
}
