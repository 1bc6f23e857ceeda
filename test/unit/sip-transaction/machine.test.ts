import { describe, expect, it } from 'vitest';
import { responseEvent, transition } from '../../../src/sip-server/transaction/machine.ts';
import type { Effect, Event, Kind, State } from '../../../src/sip-server/transaction/machine.ts';
import { T1, T2, T4, TIMEOUT, retransmitMs, timerMs } from '../../../src/sip-server/transaction/timing.ts';

/** state, event, next state, effects: as the figures of RFC 3261 section 17 and RFC 6026 have them. */
type Case = readonly [from: State, event: Event, to: State, ...effects: Effect[]];

const FIGURES: Readonly<Record<Kind, readonly Case[]>> = {
  inviteClient: [
    ['idle', 'start', 'calling', 'send', '+A', '+B'],
    ['calling', 'A', 'calling', 'send', '+A'],
    ['calling', 'B', 'terminated', 'timeout'],
    ['calling', 'error', 'terminated', 'failed'],
    ['calling', '1xx', 'proceeding', '-A', '-B', 'deliver'],
    ['calling', '2xx', 'accepted', '-A', '-B', '+M', 'deliver'],
    ['calling', 'failure', 'completed', '-A', '-B', 'ack', '+D', 'deliver'],
    ['proceeding', '1xx', 'proceeding', 'deliver'],
    ['proceeding', '2xx', 'accepted', '+M', 'deliver'],
    ['proceeding', 'failure', 'completed', 'ack', '+D', 'deliver'],
    ['completed', 'failure', 'completed', 'ack'],
    ['completed', 'D', 'terminated'],
    ['accepted', '2xx', 'accepted', 'deliver'],
    ['accepted', 'M', 'terminated'],
  ],
  client: [
    ['idle', 'start', 'trying', 'send', '+E', '+F'],
    ['trying', 'E', 'trying', 'send', '+E'],
    ['trying', 'F', 'terminated', 'timeout'],
    ['trying', '1xx', 'proceeding', 'deliver'],
    ['trying', '2xx', 'completed', '-E', '-F', '+K', 'deliver'],
    ['proceeding', 'E', 'proceeding', 'send', '+E'],
    ['proceeding', 'F', 'terminated', 'timeout'],
    ['proceeding', 'failure', 'completed', '-E', '-F', '+K', 'deliver'],
    ['completed', 'K', 'terminated'],
  ],
  inviteServer: [
    ['proceeding', 'request', 'proceeding', 'send'],
    ['proceeding', '1xx', 'proceeding', 'send'],
    ['proceeding', '2xx', 'accepted', 'send', '+L'],
    ['proceeding', 'failure', 'completed', 'send', '+G', '+H'],
    ['completed', 'request', 'completed', 'send'],
    ['completed', 'G', 'completed', 'send', '+G'],
    ['completed', 'H', 'terminated', 'timeout'],
    ['completed', 'ack', 'confirmed', '-G', '-H', '+I'],
    ['confirmed', 'I', 'terminated'],
    ['accepted', '2xx', 'accepted', 'send'],
    ['accepted', 'ack', 'accepted', 'deliver'],
    ['accepted', 'L', 'terminated'],
  ],
  server: [
    ['trying', '1xx', 'proceeding', 'send'],
    ['trying', '2xx', 'completed', 'send', '+J'],
    ['proceeding', 'request', 'proceeding', 'send'],
    ['proceeding', 'failure', 'completed', 'send', '+J'],
    ['completed', 'request', 'completed', 'send'],
    ['completed', 'J', 'terminated'],
  ],
};

const ABSORBED: readonly (readonly [Kind, State, Event])[] = [
  ['inviteClient', 'completed', '1xx'],
  ['inviteClient', 'accepted', 'failure'],
  ['client', 'completed', '2xx'],
  ['inviteServer', 'accepted', 'request'],
  ['inviteServer', 'confirmed', 'ack'],
  ['inviteServer', 'confirmed', 'request'],
  ['inviteServer', 'accepted', 'failure'],
  ['server', 'trying', 'request'],
  ['server', 'completed', '2xx'],
];

describe('transaction machines', () => {
  for (const [kind, cases] of Object.entries(FIGURES) as [Kind, readonly Case[]][]) {
    for (const [state, event, to, ...effects] of cases) {
      it(`${kind}: ${state} on ${event} goes to ${to}`, () => {
        expect(transition(kind, state, event)).toEqual({ to, effects });
      });
    }
  }

  it.each(ABSORBED)('%s: %s absorbs %s', (kind, state, event) => {
    expect(transition(kind, state, event)).toBeUndefined();
  });

  it('takes nothing any more once terminated', () => {
    expect(() => transition('client', 'terminated', 'E')).toThrow('terminated');
  });

  it('knows a response by its status', () => {
    expect([100, 199, 200, 299, 300, 699].map(responseEvent)).toEqual([
      '1xx',
      '1xx',
      '2xx',
      '2xx',
      'failure',
      'failure',
    ]);
  });
});

describe('timers of RFC 3261 table 4', () => {
  it('double A without end, E and G up to T2', () => {
    expect([0, 1, 2, 3, 4, 5].map((n) => timerMs('A', false, n))).toEqual([500, 1000, 2000, 4000, 8000, 16000]);
    for (const name of ['E', 'G'] as const) {
      expect([0, 1, 2, 3, 4].map((n) => timerMs(name, false, n))).toEqual([T1, 2 * T1, 4 * T1, T2, T2]);
    }
  });

  it('do not retransmit over reliable transports, and do not wait for stragglers', () => {
    expect((['A', 'E', 'G'] as const).map((name) => timerMs(name, true, 0))).toEqual([undefined, undefined, undefined]);
    expect((['D', 'I', 'J', 'K'] as const).map((name) => timerMs(name, true, 0))).toEqual([0, 0, 0, 0]);
  });

  it('wait as the table says over UDP', () => {
    expect((['B', 'F', 'H', 'J', 'L', 'M'] as const).map((name) => timerMs(name, false, 0))).toEqual(
      Array.from({ length: 6 }, () => TIMEOUT),
    );
    expect([timerMs('D', false, 0), timerMs('I', false, 0), timerMs('K', false, 0)]).toEqual([32_000, T4, T4]);
  });

  it('space the retransmissions of a 2xx', () => {
    expect([0, 1, 2, 3, 4].map((n) => retransmitMs(n))).toEqual([500, 1000, 2000, 4000, 4000]);
  });
});
