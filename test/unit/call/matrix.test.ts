import { describe, expect, it } from 'vitest';
import type { CallEvent } from '../../../src/call/events.ts';
import { hearMatrix } from '../../../src/call/matrix.ts';
import type { Call } from '../../../src/call/model.ts';
import type { Mode } from '../../../src/call/views.ts';
import { conversation, facts, person, queueCall, run, user } from './people.ts';

const alice = person('alice');
const bob = person('bob');
const sam = person('sam', 'supervisor');
const sue = person('sue', 'supervisor');

/** "listener<source", by user or role, sorted. */
function heard(call: Call): string[] {
  const name = (id: string): string => {
    const p = call.participants.find((one) => one.id === id);
    return p === undefined ? id : (p.userId ?? p.role);
  };
  return [...hearMatrix(call)].flatMap(([l, sources]) => [...sources].map((s) => `${name(l)}<${name(s)}`)).sort();
}

function supervised(call: Call, mode: Mode, target: string, by = sam): Call {
  const started = run(call, [
    { type: 'supervise', by, supervisionId: by.userId, mode, target, phone: user(by), facts: facts(call, by) },
  ]).state;
  const leg = started.supervisions.find((s) => s.id === by.userId)!.participantId;
  return after(started, { type: 'answered', leg, codec: 'PCMU' }, { type: 'matrixConfirmed', version: 99 });
}

const after = (call: Call, ...events: CallEvent[]): Call => run(call, events).state;
const hold: CallEvent = { type: 'media', leg: 'p2', holding: true, codec: null };
const TALK = ['alice<customer', 'customer<alice'];

describe('hearMatrix', () => {
  it('R-HEAR-1: is empty by default', () => {
    expect(heard(queueCall())).toEqual([]);
    expect(heard(after(queueCall(), { type: 'ready', codec: null }, { type: 'offer', to: alice }))).toEqual([]);
  });

  it('a caller without an agent hears music, a conversation both sides', () => {
    const waiting = after(
      queueCall(),
      { type: 'ready', codec: null },
      { type: 'noAgent' },
      { type: 'answered', leg: 'p1', codec: 'PCMU' },
    );
    expect(heard(waiting)).toEqual(['customer<music']);
    expect(heard(conversation(alice))).toEqual(TALK);
  });

  it.each([
    ['listen', 'p2', [...TALK, 'sam<alice', 'sam<customer']],
    ['listen', 'p1', [...TALK, 'sam<alice', 'sam<customer']],
    ['whisper', 'p2', ['alice<customer', 'alice<sam', 'customer<alice', 'sam<alice', 'sam<customer']],
    ['barge', 'p2', ['alice<customer', 'alice<sam', 'customer<alice', 'customer<sam', 'sam<alice', 'sam<customer']],
    ['barge', 'p1', ['alice<customer', 'alice<sam', 'customer<alice', 'customer<sam', 'sam<alice', 'sam<customer']],
  ] as const)('R-HEAR-2 to 4: %s with %s as target', (mode, target, expected) => {
    expect(heard(supervised(conversation(alice), mode, target))).toEqual(expected);
  });

  it('R-HEAR-7: a phone that only rings hears nobody, and after the end no pair is left', () => {
    const talking = conversation(alice);
    const by = { by: sam, facts: facts(talking, sam), phone: user(sam), supervisionId: 'x' };
    const ringing = after(talking, { type: 'supervise', mode: 'barge', target: 'p2', ...by });
    expect(heard(ringing)).toEqual(TALK);
    const stop: CallEvent = { type: 'stopSupervision', supervisionId: 'sam', reason: 'stopped', by: null };
    expect(heard(after(supervised(talking, 'barge', 'p2'), stop))).toEqual(TALK);
  });

  it.each(['listen', 'whisper', 'barge'] as const)('R-HEAR-5: paused out of %s', (mode) => {
    const call = supervised(conversation(alice), mode, 'p2');
    const change = { type: 'changeSupervision', by: sam, supervisionId: 'sam', facts: facts(call, sam) } as const;
    expect(heard(after(call, { ...change, paused: true }))).toEqual(TALK);
  });

  describe('R-HEAR-6: listen by target, customer on hold', () => {
    it('agent: the agent only', () => {
      expect(heard(after(supervised(conversation(alice), 'listen', 'p2'), hold))).toEqual([
        'customer<music',
        'sam<alice',
      ]);
    });
    it('customer: the customer only, not the hold music', () => {
      expect(heard(after(supervised(conversation(alice), 'listen', 'p1'), hold))).toEqual([
        'customer<music',
        'sam<customer',
      ]);
    });
  });

  it('a coach still reaches an agent who has put the customer on hold by the API', () => {
    const call = after(supervised(conversation(alice), 'whisper', 'p2'), { type: 'hold', by: alice });
    expect(heard(call)).toEqual(['alice<sam', 'customer<music', 'sam<alice']);
  });

  it('barge while the customer is on hold: agent and supervisor talk, the customer hears music', () => {
    const call = after(supervised(conversation(alice), 'barge', 'p2'), { type: 'hold', by: alice });
    expect(heard(call)).toEqual(['alice<sam', 'customer<music', 'sam<alice']);
  });

  it('R-FLOW-1: a barge set aside by a consult hears nobody and is heard by nobody', () => {
    const call = after(
      supervised(conversation(alice), 'barge', 'p2'),
      { type: 'consult', by: alice, to: user(bob), facts: { supervising: false, holders: [] } },
      { type: 'answered', leg: 'p4', codec: 'PCMU' },
    );
    expect(heard(call)).toEqual(['alice<bob', 'bob<alice', 'customer<music']);
  });

  it('a listener beside a coach hears the coach as the agent does; the customer never', () => {
    const call = supervised(supervised(conversation(alice), 'whisper', 'p2'), 'listen', 'p2', sue);
    expect(heard(call).filter((pair) => pair.endsWith('<sam'))).toEqual(['alice<sam', 'sue<sam']);
    const ofCustomer = supervised(supervised(conversation(alice), 'whisper', 'p2'), 'listen', 'p1', sue);
    expect(heard(ofCustomer).filter((pair) => pair.endsWith('<sam'))).toEqual(['alice<sam']);
  });

  it("a supervisor's phone on hold is deaf and mute", () => {
    const call = supervised(conversation(alice), 'barge', 'p2');
    expect(heard(after(call, { ...hold, leg: 'p3' }))).toEqual(TALK);
  });
});
