import type { CallView, SupervisionView } from '../../../src/call/views.ts';
import type { ControlEvent } from '../../../src/control/service.ts';

const AT = '2026-01-02T03:04:05.678Z';

export function call(id: string, more: Partial<CallView> = {}): CallView {
  return {
    id,
    state: 'active',
    direction: 'inbound',
    customer: { number: `+44163296${id}`, name: `Customer ${id}` },
    agent: { id: 'alice', name: 'Alice', team: 'sales' },
    queue: 'sales',
    startedAt: AT,
    answeredAt: AT,
    endedAt: null,
    waitSeconds: 3,
    talkSeconds: 60,
    held: false,
    consult: null,
    sentiment: null,
    endReason: null,
    participants: [],
    supervisions: [],
    actions: [{ action: 'listen', allowed: true }],
    ...more,
  };
}

export function supervision(id: string, callId: string, more: Partial<SupervisionView> = {}): SupervisionView {
  return {
    id,
    callId,
    supervisor: { id: 'sam', name: 'Sam' },
    target: 'p2',
    mode: 'listen',
    paused: false,
    state: 'active',
    startedAt: AT,
    answeredAt: AT,
    endedAt: null,
    endReason: null,
    ...more,
  };
}

let lastId = 0;
export function event(type: string, data: unknown): ControlEvent {
  return { id: ++lastId, at: AT, type, data };
}
