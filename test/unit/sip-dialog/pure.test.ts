import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { acknowledge, offer, reliableStart } from '../../../src/sip-server/dialog/reliable.ts';
import type { Reliable, Traits } from '../../../src/sip-server/dialog/reliable.ts';
import {
  MIN_SE,
  sessionExpires,
  timerAsUac,
  timerAsUas,
  timerMsOf,
  tooBrief,
} from '../../../src/sip-server/dialog/session-timer.ts';
import type { Header, SipRequest, SipResponse } from '../../../src/sip-server/message/index.ts';

interface Answer {
  readonly status: number;
  readonly reliable?: boolean;
  readonly body?: boolean;
}

function traits({ status, reliable = false, body = false }: Answer): Traits {
  return { reliable, final: status >= 200, success: status >= 200 && status < 300, hasBody: body };
}

describe('reliable provisional responses (RFC 3262 section 3)', () => {
  const reliable = (status: number, body = false): Answer => ({ status, reliable: true, body });

  it('one at a time: the second waits for the PRACK of the first, with the next RSeq', () => {
    const one = offer(reliableStart<Answer>(10), reliable(180), traits);
    expect(one.send.map((s) => s.rseq)).toEqual([10]);
    const two = offer(one.state, reliable(183), traits);
    expect(two.send).toEqual([]);
    const after = acknowledge(two.state, { rseq: 10, cseq: 1, method: 'INVITE' }, 1, traits);
    expect(after?.send).toEqual([{ response: reliable(183), rseq: 11 }]);
  });

  it.each([
    [{ rseq: 11, cseq: 1, method: 'INVITE' }],
    [{ rseq: 10, cseq: 2, method: 'INVITE' }],
    [{ rseq: 10, cseq: 1, method: 'UPDATE' }],
  ])('a PRACK that fits nothing: %j', (rack) => {
    const { state } = offer(reliableStart<Answer>(10), reliable(180), traits);
    expect(acknowledge(state, rack, 1, traits)).toBeUndefined();
  });

  it('a 2xx waits where there is a body on its way, a failure never does, 180 passes', () => {
    const with183 = offer(reliableStart<Answer>(1), reliable(183, true), traits).state;
    expect(offer(with183, { status: 200 }, traits).send).toEqual([]);
    expect(offer(with183, { status: 486 }, traits).send.length).toBe(1);
    expect(offer(with183, { status: 180 }, traits).send.length).toBe(1);
    const without = offer(reliableStart<Answer>(1), reliable(180), traits).state;
    expect(offer(without, { status: 200 }, traits).send.length).toBe(1);
  });

  it('whatever is offered and acknowledged, in whatever order: at most one on its way, RSeq without a gap, order kept', () => {
    const answers = fc.record({ status: fc.constantFrom(180, 183), reliable: fc.boolean(), body: fc.boolean() });
    const steps = fc.array(fc.oneof(answers, fc.constant('prack' as const)), { maxLength: 30 });
    fc.assert(
      fc.property(steps, (list) => {
        let state: Reliable<Answer> = reliableStart<Answer>(1);
        const sent: { response: Answer; rseq: number | undefined }[] = [];
        const offered: Answer[] = [];
        for (const step of list) {
          if (step === 'prack') {
            const rseq = state.outstanding?.rseq ?? 999;
            const next = acknowledge(state, { rseq, cseq: 1, method: 'INVITE' }, 1, traits);
            if (next === undefined) continue;
            state = next.state;
            sent.push(...next.send);
          } else {
            offered.push(step);
            const next = offer(state, step, traits);
            state = next.state;
            sent.push(...next.send);
          }
        }
        const rseqs = sent.map((s) => s.rseq).filter((r) => r !== undefined);
        expect(rseqs).toEqual(rseqs.map((_, i) => i + 1));
        expect(sent.map((s) => s.response)).toEqual(offered.slice(0, sent.length));
      }),
    );
  });
});

function request(...headers: Header[]): SipRequest {
  return { kind: 'request', method: 'INVITE', uri: 'sip:a', headers, body: Buffer.alloc(0) };
}

function response(...headers: Header[]): SipResponse {
  return { kind: 'response', status: 200, reason: 'OK', headers, body: Buffer.alloc(0) };
}

const SE = (value: string): Header => ({ name: 'Session-Expires', value });
const TIMER: Header = { name: 'Supported', value: 'timer' };

describe('session timers (RFC 4028)', () => {
  it('reads the header, and nothing into a bad one', () => {
    expect(sessionExpires(request(SE('1800 ;refresher=UAS')))).toEqual({ interval: 1800, refresher: 'uas' });
    expect(sessionExpires(request(SE('1800;refresher=nobody')))).toEqual({ interval: 1800, refresher: undefined });
    for (const bad of ['', 'x', '0', '-1', '99999999999']) expect(sessionExpires(request(SE(bad)))).toBeUndefined();
    expect(sessionExpires(request(SE('90;;')))).toEqual({ interval: 90, refresher: undefined });
  });

  it('refuses less than 90 s of one who knows what a 422 is', () => {
    expect(tooBrief(request(SE('89'), TIMER))).toBe(true);
    expect([tooBrief(request(SE('89'))), tooBrief(request(SE('90'), TIMER)), tooBrief(request(TIMER))]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it.each([
    ['200;refresher=uac', true, false, '200;refresher=uac', true],
    ['200;refresher=uas', true, true, '200;refresher=uas', false],
    ['200', true, false, '200;refresher=uac', true],
    ['200', false, true, '200;refresher=uas', false],
    ['30', false, true, `${MIN_SE};refresher=uas`, false],
  ])(
    'answering %s (timer supported: %s): we refresh %s, told %s, required %s',
    (offered, knows, weRefresh, add, require) => {
      const asked = knows ? request(SE(offered), TIMER) : request(SE(offered));
      expect(timerAsUas(asked, response())).toMatchObject({ timer: { weRefresh }, add, require });
    },
  );

  it('what the application has written itself holds', () => {
    const agreed = timerAsUas(request(SE('200;refresher=uac'), TIMER), response(SE('300;refresher=uas')));
    expect(agreed).toEqual({ timer: { interval: 300, weRefresh: true }, add: undefined, require: false });
    expect(timerAsUas(request(), response())).toBeUndefined();
  });

  it('as the one who asked: whoever is not named uas is us', () => {
    expect(timerAsUac(response(SE('200')))).toEqual({ interval: 200, weRefresh: true });
    expect(timerAsUac(response(SE('200;refresher=uas')))).toEqual({ interval: 200, weRefresh: false });
    expect(timerAsUac(response(SE('10')))?.interval).toBe(MIN_SE);
    expect(timerAsUac(response())).toBeUndefined();
  });

  it('refreshes at half the interval, gives up a little before its end', () => {
    expect(timerMsOf({ interval: 1800, weRefresh: true })).toBe(900_000);
    expect(timerMsOf({ interval: 1800, weRefresh: false })).toBe(1_768_000);
    expect(timerMsOf({ interval: 90, weRefresh: false })).toBe(60_000);
  });
});
