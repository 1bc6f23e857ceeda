import { describe, expect, it } from 'vitest';
import type { CallView } from '../../../src/call/views.ts';
import { Live } from '../../../src/web/public/data/live.ts';
import { call, event, supervision } from './sample.ts';

/** As an event tells a call: without what the person asking may do. */
const told = (id: string, more: Partial<CallView> = {}): CallView => call(id, { actions: [], ...more });

function withCalls(...ids: string[]): Live {
  const live = new Live();
  live.setCalls(
    ids.map((id) => call(id)),
    live.beginReading(),
    0,
  );
  return live;
}

const idsOf = (live: Live): string[] => [...live.calls.keys()].sort();

describe('the live picture (R-SEE-1, R-SEE-4)', () => {
  it('takes events in: calls come, change and go; what may be done stays until it is read anew', () => {
    const live = withCalls('1');
    expect(live.apply(event('call.created', told('2')), 5)).toMatchObject({ kind: 'call', type: 'call.created' });
    live.apply(event('call.updated', told('1', { held: true })), 6);
    expect(idsOf(live)).toEqual(['1', '2']);
    expect(live.calls.get('1')).toMatchObject({ at: 6, view: { held: true, actions: [{ action: 'listen' }] } });
    live.apply(event('call.closed', told('1', { state: 'closed' })), 7);
    expect(idsOf(live)).toEqual(['2']);
  });

  it('a call that goes out of sight goes', () => {
    const live = withCalls('1', '2');
    const reading = live.beginReading();
    expect(live.apply({ ...event('call.gone', { id: '1' }), callId: '1' }, 5)).toEqual({ kind: 'other' });
    live.setCalls([call('1'), call('2')], reading, 6);
    expect(idsOf(live)).toEqual(['2']);
  });

  it('a list that was asked for before an event does not undo it', () => {
    const live = withCalls('ended', 'changed', 'moved');
    const reading = live.beginReading();
    live.apply(event('call.closed', told('ended')), 1);
    live.apply(event('call.updated', told('changed', { held: true })), 1);
    live.apply(event('call.created', told('new')), 1);
    const actions = [{ action: 'end', allowed: true }] as const;
    live.setCalls([call('ended'), call('changed', { actions })], reading, 2);
    expect(idsOf(live)).toEqual(['changed', 'new']);
    expect(live.calls.get('changed')).toMatchObject({ at: 1, view: { held: true, actions } });
    live.setCalls([call('changed')], live.beginReading(), 3);
    expect(idsOf(live)).toEqual(['changed']);
  });

  it('a reading that failed is forgotten', () => {
    const live = withCalls('1');
    const reading = live.beginReading();
    live.dropReading(reading);
    live.apply(event('call.closed', told('1')), 1);
    expect(reading.closed.size).toBe(0);
  });

  it('supervisions are put into their call; whose is open is found', () => {
    const live = withCalls('1');
    live.apply(event('supervision.started', supervision('s1', '1', { state: 'ringing' })), 1);
    expect(live.supervisionOf('sam')).toMatchObject({ call: { id: '1' }, supervision: { state: 'ringing' } });
    live.apply(event('supervision.ended', supervision('s1', '1', { state: 'ended', endReason: 'no_answer' })), 2);
    expect(live.supervisionOf('sam')).toBeNull();
    expect(live.calls.get('1')?.view.supervisions).toHaveLength(1);
    live.apply(event('supervision.started', supervision('s2', 'unknown')), 3);
    expect(idsOf(live)).toEqual(['1']);
  });

  it('a reset is told; people and queues are kept; events of kinds to come are left alone', () => {
    const live = withCalls('1');
    expect(live.apply(event('reset', {}), 1)).toEqual({ kind: 'reset' });
    expect(live.apply(event('agent.updated', { id: 'alice', name: 'Alice' }), 1)).toEqual({ kind: 'people' });
    expect(live.apply(event('queue.updated', { id: 'sales', waiting: 2 }), 9)).toEqual({ kind: 'other' });
    expect(live.apply(event('campaign.updated', { id: 'x' }), 1)).toEqual({ kind: 'other' });
    expect([live.agents.get('alice')?.name, live.queues.get('sales')?.at]).toEqual(['Alice', 9]);
  });
});
