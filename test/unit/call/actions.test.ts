import { describe, expect, it } from 'vitest';
import { actions, caseOf, TABLE } from '../../../src/call/actions.ts';
import type { ErrorCode } from '../../../src/call/errors.ts';
import type { CallEvent } from '../../../src/call/events.ts';
import type { Call, Person } from '../../../src/call/model.ts';
import { NEXT } from '../../../src/call/work.ts';
import type { Action, CallState } from '../../../src/call/views.ts';
import { conversation, facts, person, POLICY, queueCall, run, user } from './people.ts';

const alice = person('alice');
const bob = person('bob');
const sam = person('sam', 'supervisor');
const root = person('root', 'admin');

const talking = conversation(alice);
const hangup: CallEvent = { type: 'gone', leg: 'p1', reason: 'bye' };
const ready: CallEvent = { type: 'ready', codec: null };

/** A call in each of its states. */
const IN_STATE: Record<CallState, Call> = {
  open: run(queueCall(), [ready, { type: 'noAgent' }, { type: 'answered', leg: 'p1', codec: 'PCMU' }]).state,
  ringing: run(queueCall(), [ready, { type: 'offer', to: alice }]).state,
  active: talking,
  waiting: run(talking, [
    { type: 'transfer', by: sam, to: { kind: 'party', party: user(bob) }, facts: facts(talking, sam) },
  ]).state,
  'wrap-up': run(queueCall(10), [
    ready,
    { type: 'offer', to: alice },
    { type: 'answered', leg: 'p2', codec: 'PCMU' },
    { type: 'answered', leg: 'p1', codec: 'PCMU' },
    hangup,
  ]).state,
  closed: run(talking, [hangup]).state,
};

function allowed(call: Call, by: Person): Partial<Record<Action, ErrorCode | true>> {
  const listed = actions(caseOf(call, by, POLICY, facts(call, by)));
  return Object.fromEntries(listed.map((a) => [a.action, a.allowed ? true : a.code!]));
}

const MONITOR = 'call_not_monitorable';
const MOVE = 'not_transferable';
const ASSIGN = 'not_assignable';

describe('the table of actions', () => {
  it.each<[CallState, Partial<Record<Action, ErrorCode | true>>]>([
    // R-START-6, R-ACT-1 to 5
    [
      'open',
      { listen: MONITOR, whisper: MONITOR, barge: MONITOR, takeover: MONITOR, transfer: MOVE, assign: true, end: true },
    ],
    [
      'ringing',
      {
        listen: MONITOR,
        whisper: MONITOR,
        barge: MONITOR,
        takeover: MONITOR,
        transfer: MOVE,
        assign: ASSIGN,
        end: true,
      },
    ],
    ['active', { listen: true, whisper: true, barge: true, takeover: true, transfer: true, assign: ASSIGN, end: true }],
    [
      'waiting',
      { listen: true, whisper: true, barge: true, takeover: true, transfer: true, assign: ASSIGN, end: true },
    ],
    [
      'wrap-up',
      {
        listen: MONITOR,
        whisper: MONITOR,
        barge: MONITOR,
        takeover: MONITOR,
        transfer: MOVE,
        assign: ASSIGN,
        end: 'conflict',
      },
    ],
    [
      'closed',
      {
        listen: MONITOR,
        whisper: MONITOR,
        barge: MONITOR,
        takeover: MONITOR,
        transfer: MOVE,
        assign: ASSIGN,
        end: 'conflict',
      },
    ],
  ])('for a free supervisor and a call that is %s', (state, expected) => {
    expect(IN_STATE[state].phase).toBe(state);
    expect(allowed(IN_STATE[state], sam)).toEqual(expected);
    expect(allowed(IN_STATE[state], root)).toEqual(expected);
  });

  it.each(['listen', 'whisper', 'barge', 'takeover', 'transfer', 'assign', 'end'] as const)(
    'R-START-5: %s has a permission of its own, which comes before everything else',
    (action) => {
      const without = { ...sam, permissions: sam.permissions.filter((p) => p !== action) };
      for (const call of Object.values(IN_STATE)) {
        const seen = allowed(call, without);
        expect(seen[action]).toBe('forbidden');
        expect(Object.values(seen).filter((code) => code === 'forbidden')).toHaveLength(1);
      }
    },
  );

  it('an agent of the call, and one who is not', () => {
    expect(allowed(talking, alice)).toEqual({
      hold: true,
      resume: 'conflict',
      consult: true,
      conference: 'conflict',
      transfer: true,
      hangup: true,
    });
    expect(new Set(Object.values(allowed(talking, bob)))).toEqual(new Set(['forbidden']));
  });

  it('an attached supervisor: pause, resume, stop and the switch', () => {
    const started = run(talking, [
      {
        type: 'supervise',
        by: sam,
        supervisionId: 'x',
        mode: 'barge',
        target: 'p2',
        phone: user(sam),
        facts: facts(talking, sam),
      },
    ]).state;
    expect(allowed(started, sam)).toMatchObject({ stop: true, pause: 'conflict', whisper: 'conflict' });
    const barged = run(started, [
      { type: 'answered', leg: 'p3', codec: 'PCMU' },
      { type: 'matrixConfirmed', version: 99 },
    ]).state;
    expect(allowed(barged, sam)).toMatchObject({
      listen: true,
      whisper: true,
      pause: true,
      stop: true,
      takeover: 'barged', // R-MODE-6
      transfer: 'barged',
    });
    const change = { type: 'changeSupervision', by: sam, supervisionId: 'x', facts: facts(barged, sam) } as const;
    const paused = run(barged, [{ ...change, paused: true }]).state;
    expect(allowed(paused, sam)).toMatchObject({ whisper: 'paused', barge: 'paused', resume: true }); // R-MODE-2
    expect(allowed(barged, person('sue', 'supervisor'))).toMatchObject({ listen: true, barge: 'agent_supervised' });
  });

  it('every action of the API has its row', () => {
    expect(Object.keys(TABLE)).toHaveLength(14);
  });

  it('a closed call goes nowhere, and every other state can close', () => {
    for (const [state, next] of Object.entries(NEXT)) expect(next.includes('closed')).toBe(state !== 'closed');
  });

  it('refuses the requests exactly where the table says so', () => {
    for (const [state, call] of Object.entries(IN_STATE)) {
      const seen = allowed(call, sam);
      const requests: [Action, CallEvent][] = [
        ['end', { type: 'end', by: sam }],
        ['takeover', { type: 'takeover', by: sam, phone: user(sam), facts: facts(call, sam) }],
        ['assign', { type: 'assign', by: sam, to: { kind: 'party', party: user(bob) }, override: false, excess: 0 }],
        [
          'transfer',
          {
            type: 'transfer',
            by: sam,
            to: { kind: 'party', party: user(person('carol')) },
            facts: facts(call, sam),
          },
        ],
      ];
      for (const [action, event] of requests) {
        let code: string | true = true;
        try {
          run(call, [event]);
        } catch (error) {
          code = (error as { code: string }).code;
        }
        expect([state, action, code]).toEqual([state, action, seen[action]]);
      }
    }
  });
});
