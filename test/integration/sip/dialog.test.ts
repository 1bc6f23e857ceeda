import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LegFailure, type Dialog } from '../../../src/control/ports.ts';
import { until } from '../../support/until.ts';
import { Bench, DialogProbe, OUR_SDP } from './harness.ts';
import { SDP, type WireDialog, type WirePhone } from './wire-phone.ts';

const SDP2 = SDP.replace('o=- 1 1', 'o=- 1 2').replace('sendrecv', 'sendonly');
let bench: Bench;
beforeAll(async () => {
  bench = await Bench.start({ trunks: [{ id: 'pstn', hosts: ['127.0.0.1'] }] });
});
afterAll(() => bench.close());

interface Standing {
  readonly phone: WirePhone;
  readonly wire: WireDialog;
  readonly dialog: Dialog;
  readonly probe: DialogProbe;
}

/** A call from a phone, answered. */
async function standing(): Promise<Standing> {
  const phone = await bench.phone('+441632960000');
  const sent = phone.send('INVITE', { uri: 'sip:8000@earshot.test', to: '<sip:8000@earshot.test>', body: SDP });
  const answered = (await bench.nextCall()).answer(OUR_SDP);
  const wire = phone.establish(await phone.response('INVITE', sent.callId));
  const dialog = await answered;
  return { phone, wire, dialog, probe: new DialogProbe(dialog) };
}

async function end({ phone, wire, dialog }: Standing): Promise<void> {
  const gone = dialog.hangup();
  phone.respond(await phone.request('BYE', wire.callId), '200 OK');
  await gone;
}

describe('offers from the phone', () => {
  it('by re-INVITE are answered by the controller (hold and resume)', async () => {
    const call = await standing();
    const answer = await call.phone.within(call.wire, 'INVITE', { body: SDP2 });
    expect([answer.status, answer.body]).toEqual([200, OUR_SDP]);
    call.phone.acknowledge(answer, call.wire.target, call.wire.local);
    expect(call.probe.offers).toEqual([SDP2]);
    await until('the new description', () => call.dialog.remoteSdp === SDP2);
    await end(call);
  });

  it('asked for by a re-INVITE without one are made by the controller, and the answer comes with the ACK', async () => {
    const call = await standing();
    const offer = await call.phone.within(call.wire, 'INVITE');
    expect([offer.status, offer.body]).toEqual([200, OUR_SDP]);
    call.phone.acknowledge(offer, call.wire.target, call.wire.local, SDP2);
    await until('the answer', () => call.probe.answers.length > 0);
    expect([call.probe.offerRequests, call.probe.answers]).toEqual([1, [SDP2]]);
    await end(call);
  });

  it('by UPDATE are answered (RFC 3311); one without body is a refresh', async () => {
    const call = await standing();
    const answer = await call.phone.within(call.wire, 'UPDATE', { body: SDP2 });
    expect([answer.status, answer.body, call.probe.offers]).toEqual([200, OUR_SDP, [SDP2]]);
    const refresh = await call.phone.within(call.wire, 'UPDATE');
    expect([refresh.status, call.probe.offers.length]).toEqual([200, 1]);
    await end(call);
  });

  it('are refused with what the controller throws, and the call goes on', async () => {
    const call = await standing();
    call.probe.answerOffer = () => Promise.reject(new LegFailure(488, 'No common codec'));
    const refused = await call.phone.within(call.wire, 'INVITE', { body: SDP2 });
    call.phone.acknowledge(refused, call.wire.target, call.wire.local);
    expect(refused.first).toBe('SIP/2.0 488 No common codec');
    call.probe.answerOffer = () => Promise.reject(new Error('a fault'));
    const fault = await call.phone.within(call.wire, 'INVITE', { body: SDP2 });
    call.phone.acknowledge(fault, call.wire.target, call.wire.local);
    expect(fault.status).toBe(500);
    const other = await call.phone.within(call.wire, 'INVITE', { body: 'x', headers: ['Content-Type: text/plain'] });
    call.phone.acknowledge(other, call.wire.target, call.wire.local);
    expect(other.status).toBe(415);
    expect(call.probe.byes).toEqual([]);
    await end(call);
  });

  it('meet 491 while an offer of ours is open (RFC 3261 section 14.2)', async () => {
    const call = await standing();
    const modified = call.dialog.modify(OUR_SDP);
    const ours = await call.phone.request('INVITE', call.wire.callId);
    const theirs = await call.phone.within(call.wire, 'INVITE', { body: SDP2 });
    call.phone.acknowledge(theirs, call.wire.target, call.wire.local);
    expect(theirs.status).toBe(491);
    call.phone.respond(ours, '200 OK', { body: SDP2 });
    expect(await modified).toBe(SDP2);
    await call.phone.request('ACK', call.wire.callId);
    await end(call);
  });

  it('meet 500 with Retry-After while one of theirs is open', async () => {
    const call = await standing();
    let answer: (sdp: string) => void = () => undefined;
    call.probe.answerOffer = () => new Promise((resolve) => (answer = resolve));
    const first = call.phone.within(call.wire, 'UPDATE', { body: SDP2 });
    await until('the offer', () => call.probe.offers.length > 0);
    const second = await call.phone.within(call.wire, 'UPDATE', { body: SDP2 });
    expect([second.status, Number(second.header('Retry-After')) > 0]).toEqual([500, true]);
    answer(OUR_SDP);
    expect((await first).status).toBe(200);
    await end(call);
  });
});

describe('an UPDATE while a request of ours is under way', () => {
  it('is answered: refused during an offer of ours, taken during another request', async () => {
    const call = await standing();
    const modified = call.dialog.modify(OUR_SDP);
    const ours = await call.phone.request('INVITE', call.wire.callId);
    expect((await call.phone.within(call.wire, 'UPDATE', { body: SDP2 })).status).toBe(491);
    call.phone.respond(ours, '200 OK', { body: SDP2 });
    await modified;
    const sent = call.dialog.request('INFO', { 'Content-Type': 'application/dtmf' }, '1');
    const info = await call.phone.request('INFO', call.wire.callId);
    const updated = await call.phone.within(call.wire, 'UPDATE', { body: SDP2 });
    expect([updated.status, updated.body]).toEqual([200, OUR_SDP]);
    call.phone.respond(info, '200 OK');
    expect(await sent).toBe(200);
    await end(call);
  });
});

describe('our offers', () => {
  it('are tried again after a glare', async () => {
    const call = await standing();
    const modified = call.dialog.modify(OUR_SDP);
    call.phone.respond(await call.phone.request('INVITE', call.wire.callId), '491 Request Pending');
    const again = await call.phone.request('INVITE', call.wire.callId);
    call.phone.respond(again, '200 OK', { body: SDP2 });
    expect(await modified).toBe(SDP2);
    expect(call.dialog.remoteSdp).toBe(SDP2);
    await end(call);
  });

  it('go one after the other, and one that is refused does not stop the next', async () => {
    const call = await standing();
    const [first, second] = [call.dialog.modify(OUR_SDP), call.dialog.modify(OUR_SDP)];
    const refused = expect(first).rejects.toMatchObject({ status: 488, reason: 'Not Acceptable Here' });
    call.phone.respond(await call.phone.request('INVITE', call.wire.callId), '488 Not Acceptable Here');
    await refused;
    call.phone.respond(await call.phone.request('INVITE', call.wire.callId), '200 OK', { body: SDP2 });
    expect(await second).toBe(SDP2);
    await end(call);
  });

  it('to a phone that has lost the dialog end the call', async () => {
    const call = await standing();
    const modified = expect(call.dialog.modify(OUR_SDP)).rejects.toMatchObject({ status: 481 });
    call.phone.respond(await call.phone.request('INVITE', call.wire.callId), '481 Call/Transaction Does Not Exist');
    await modified;
    expect(call.probe.byes).toEqual(['dialog lost (481)']);
    call.phone.respond(await call.phone.request('BYE', call.wire.callId), '481 Call/Transaction Does Not Exist');
  });

  it('that wait are rejected when the phone hangs up', async () => {
    const call = await standing();
    const modified = expect(call.dialog.modify(OUR_SDP)).rejects.toMatchObject({ status: 481 });
    await call.phone.request('INVITE', call.wire.callId);
    await call.phone.within(call.wire, 'BYE');
    await modified;
    expect(call.probe.byes).toHaveLength(1);
  });
});

describe('keys by INFO', () => {
  it('are reported; other bodies are refused and an empty INFO is welcome', async () => {
    const call = await standing();
    const info = async (type: string | null, body: string): Promise<number> =>
      (await call.phone.within(call.wire, 'INFO', { body, headers: type === null ? [] : [`Content-Type: ${type}`] }))
        .status;
    expect(await info('application/dtmf-relay', 'Signal=5\r\nDuration=100\r\n')).toBe(200);
    expect(await info('application/dtmf', '#')).toBe(200);
    expect(await info('application/dtmf-relay', 'Signal=16')).toBe(200);
    expect(await info('application/media_control+xml', '<x/>')).toBe(415);
    expect(await info(null, '')).toBe(200);
    await until('two keys', () => call.probe.digits.length === 2);
    expect(call.probe.digits).toEqual(['5', '#']);
    await end(call);
  });
});

describe('requests of ours', () => {
  it('resolve with the status', async () => {
    const call = await standing();
    const sent = call.dialog.request('INFO', { 'Content-Type': 'application/dtmf' }, '1');
    const info = await call.phone.request('INFO', call.wire.callId);
    expect([info.body, info.header('Content-Type')]).toEqual(['1', 'application/dtmf']);
    call.phone.respond(info, '415 Unsupported Media Type');
    expect(await sent).toBe(415);
    await end(call);
    await expect(call.dialog.request('INFO')).rejects.toMatchObject({ name: 'LegFailure', status: 481 });
  });
});

describe('transfers', () => {
  const refer = (call: Standing, ...headers: string[]): ReturnType<WirePhone['within']> =>
    call.phone.within(call.wire, 'REFER', { headers });

  async function notified(call: Standing, status = '200 OK'): Promise<readonly string[]> {
    const notify = await call.phone.request('NOTIFY', call.wire.callId);
    call.phone.respond(notify, status);
    return [notify.body.trim(), notify.header('Subscription-State').split(';')[0] ?? '', notify.header('Event')];
  }

  it('are accepted and reported step by step, the first report at once (RFC 3515)', async () => {
    const call = await standing();
    expect((await refer(call, 'Refer-To: <sip:1002@earshot.test>')).status).toBe(202);
    expect(call.probe.refers[0]).toMatchObject({ to: '1002', replaces: null });
    expect(await notified(call)).toEqual(['SIP/2.0 100 Trying', 'active', 'refer']);
    call.probe.refers[0]?.progress(180, 'Ringing', false);
    call.probe.refers[0]?.progress(200, 'OK', true);
    call.probe.refers[0]?.progress(500, 'too late', true);
    expect(await notified(call)).toEqual(['SIP/2.0 180 Ringing', 'active', 'refer']);
    expect(await notified(call)).toEqual(['SIP/2.0 200 OK', 'terminated', 'refer']);
    const second = await refer(call, 'Refer-To: <sip:1002@earshot.test>');
    expect((await notified(call))[2]).toBe(`refer;id=${Number.parseInt(second.header('CSeq'), 10)}`);
    await end(call);
  });

  it('name the dialog that is to be replaced, whose identity we know', async () => {
    const call = await standing();
    const { callId, localTag, remoteTag } = call.dialog.sipId;
    const value = encodeURIComponent(`${callId};to-tag=${localTag};from-tag=${remoteTag}`);
    expect((await refer(call, `Refer-To: <sip:1002@earshot.test?Replaces=${value}>`)).status).toBe(202);
    expect(call.probe.refers[0]?.replaces).toEqual({ callId, toTag: localTag, fromTag: remoteTag });
    await notified(call);
    await end(call);
  });

  it('are not reported where the phone does not want it (RFC 4488)', async () => {
    const call = await standing();
    const accepted = await refer(call, 'Refer-To: <sip:1002@earshot.test>', 'Refer-Sub: false');
    expect([accepted.status, accepted.header('Refer-Sub')]).toEqual([202, 'false']);
    call.probe.refers[0]?.progress(200, 'OK', true);
    await end(call);
    expect(call.phone.log.some((message) => message.method === 'NOTIFY')).toBe(false);
  });

  it('are refused with what the controller throws', async () => {
    const call = await standing();
    call.probe.takeRefer = (request) => {
      request.progress(100, 'Trying', false);
      return Promise.reject(new LegFailure(403, 'Not while barged'));
    };
    expect((await refer(call, 'Refer-To: <sip:1002@earshot.test>')).first).toBe('SIP/2.0 403 Not while barged');
    await end(call);
    expect(call.phone.log.some((message) => message.method === 'NOTIFY')).toBe(false);
  });

  it.each([
    [[]],
    [['Refer-To: <sip:1002']],
    [['Refer-To: <sip:1002@h>, <sip:1001@h>']],
    [['Refer-To: <sip:1002@h>', 'Refer-To: <sip:1001@h>']],
    [['Refer-To: <sip:1002@h?Replaces=%00>']],
    [['Refer-To: <mailto:x@y>']],
  ])('that cannot be understood are refused: %j', async (headers) => {
    const call = await standing();
    expect((await refer(call, ...headers)).status).toBe(400);
    expect(call.probe.refers).toEqual([]);
    await end(call);
  });

  it('end their reports where the phone has forgotten them', async () => {
    const call = await standing();
    await refer(call, 'Refer-To: <sip:1002@earshot.test>');
    call.probe.refers[0]?.progress(180, 'Ringing', false);
    await notified(call, '481 Subscription Does Not Exist');
    call.probe.refers[0]?.progress(200, 'OK', true);
    await end(call);
    expect(call.phone.log.filter((message) => message.method === 'NOTIFY')).toHaveLength(1);
  });
});

it('a MESSAGE in the dialog is refused, and what comes before bind is kept', async () => {
  const phone = await bench.phone('+441632960000');
  const sent = phone.send('INVITE', { uri: 'sip:8000@earshot.test', to: '<sip:8000@earshot.test>', body: SDP });
  const answered = (await bench.nextCall()).answer(OUR_SDP);
  const wire = phone.establish(await phone.response('INVITE', sent.callId));
  const dialog = await answered;
  expect((await phone.within(wire, 'MESSAGE', { body: 'hi', headers: ['Content-Type: text/plain'] })).status).toBe(405);
  await phone.within(wire, 'INFO', { body: '1', headers: ['Content-Type: application/dtmf'] });
  await phone.within(wire, 'BYE');
  const probe = new DialogProbe(dialog);
  expect([probe.digits, probe.byes]).toEqual([['1'], ['normal release']]);
});
