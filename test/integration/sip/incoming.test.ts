import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LegFailure } from '../../../src/control/ports.ts';
import { realDrachtio } from '../../support/real.ts';
import { until } from '../../support/until.ts';
import { Bench, DialogProbe, OUR_SDP } from './harness.ts';
import { authorization, SDP, type WireMessage, type WirePhone } from './wire-phone.ts';

const CUSTOMER = '+441632960000';
let bench: Bench;
beforeAll(async () => {
  bench = await Bench.start({ trunks: [{ id: 'pstn', hosts: ['127.0.0.1'] }] });
});
afterAll(() => bench.close());
afterEach(() => {
  bench.calls.length = 0;
});

function invite(phone: WirePhone, parts: Parameters<WirePhone['send']>[1] = {}): ReturnType<WirePhone['send']> {
  return phone.send('INVITE', { uri: 'sip:8000@earshot.test', to: '<sip:8000@earshot.test>', body: SDP, ...parts });
}

/** ACKs a failure, so that it is not sent again. */
function done(phone: WirePhone, sent: ReturnType<WirePhone['send']>, failure: WireMessage): number {
  phone.acknowledge(failure, 'sip:8000@earshot.test', sent.from);
  return failure.status;
}

describe('whose request it is', () => {
  it('takes an unknown number from a trunk as a customer', async () => {
    const phone = await bench.phone(CUSTOMER);
    const sent = invite(phone, { from: `"Ann Other" <sip:${CUSTOMER}@gw>;tag=x` });
    const call = await bench.nextCall();
    expect(call).toMatchObject({
      source: { kind: 'trunk', trunkId: 'pstn' },
      from: { number: CUSTOMER, name: 'Ann Other' },
      dialled: '8000',
      offer: SDP,
      remoteAddress: '127.0.0.1',
      sipCallId: sent.callId,
      replaces: null,
    });
    call.reject(404, 'Not Found');
    expect(done(phone, sent, await phone.response('INVITE', sent.callId))).toBe(404);
  });

  it('wants proof of an extension even from a trunk host, and takes name and number from the directory', async () => {
    const phone = await bench.phone('1001');
    const from = '"Somebody else" <sip:1001@anything>;tag=y';
    const answer = phone.prove('INVITE', 'pw-alice', { uri: 'sip:*11002@earshot.test', from, body: SDP });
    const call = await bench.nextCall();
    expect(call).toMatchObject({
      source: { kind: 'user', userId: 'alice' },
      from: { number: '1001', name: 'Alice' },
      dialled: '*11002',
    });
    call.reject(486, 'Busy Here');
    const final = await answer;
    expect(final.status).toBe(486);
    phone.acknowledge(final, 'sip:*11002@earshot.test', from);
  });

  it('challenges with 407, and refuses a wrong password or the proof of another user', async () => {
    const phone = await bench.phone('1001');
    const parts = { uri: 'sip:8000@earshot.test', body: SDP };
    const sent = invite(phone);
    const challenge = await phone.response('INVITE', sent.callId);
    expect(done(phone, sent, challenge)).toBe(407);
    expect(challenge.header('Proxy-Authenticate')).toMatch(/^Digest realm="earshot.test"/);
    expect((await phone.prove('INVITE', 'wrong', parts)).status).toBe(403);
    expect((await phone.prove('INVITE', 'pw-bob', parts, '1002')).status).toBe(403);
    const disguised = { ...parts, from: '<sip:%31001@earshot.test>;tag=z' };
    expect((await phone.prove('INVITE', 'wrong', disguised)).status).toBe(403);
    expect(bench.calls).toEqual([]);
  });

  it('refuses a proof made for another number', async () => {
    const phone = await bench.phone('1001');
    const sent = invite(phone);
    const challenge = await phone.response('INVITE', sent.callId);
    done(phone, sent, challenge);
    const proof = authorization(challenge, 'INVITE', 'sip:1002@earshot.test', '1001', 'pw-alice');
    const again = invite(phone, { headers: [proof] });
    expect(done(phone, again, await phone.response('INVITE', again.callId))).toBe(403);
  });
});

describe('a call that comes in', () => {
  it('rings, has early media, is answered, and is hung up by either side', async () => {
    const phone = await bench.phone(CUSTOMER);
    const sent = invite(phone);
    const call = await bench.nextCall();
    call.progress(180);
    const ringing = await phone.response('INVITE', sent.callId, 180);
    call.progress(183, OUR_SDP);
    const early = await phone.response('INVITE', sent.callId, 183);
    expect([ringing.status, early.status, early.body]).toEqual([180, 183, OUR_SDP]);
    const answered = call.answer(OUR_SDP);
    const ok = await phone.response('INVITE', sent.callId);
    expect([ok.status, ok.body]).toEqual([200, OUR_SDP]);
    const wire = phone.establish(ok);
    const dialog = await answered;
    expect(dialog).toMatchObject({ remoteSdp: SDP, remoteAddress: '127.0.0.1' });
    expect(dialog.sipId).toMatchObject({ callId: sent.callId });
    expect(wire.remote).toContain(`tag=${dialog.sipId.localTag}`);
    expect(wire.local).toContain(`tag=${dialog.sipId.remoteTag}`);
    const probe = new DialogProbe(dialog);
    expect((await phone.within(wire, 'BYE', { headers: ['Reason: SIP;cause=200;text="done \\"x\\""'] })).status).toBe(
      200,
    );
    await until('onBye', () => probe.byes.length > 0);
    expect(probe.byes).toEqual(['done "x"']);
    await dialog.hangup();
    call.reject(486, 'too late');
  });

  it('is hung up by us with the reason', async () => {
    const phone = await bench.phone(CUSTOMER);
    const sent = invite(phone);
    const answered = (await bench.nextCall()).answer(OUR_SDP);
    const ok = await phone.response('INVITE', sent.callId);
    phone.establish(ok);
    const dialog = await answered;
    const probe = new DialogProbe(dialog);
    const gone = dialog.hangup('ended by Sam');
    expect(dialog.hangup()).toBe(gone);
    const bye = await phone.request('BYE', sent.callId);
    expect(bye.header('Reason')).toBe('Q.850;cause=16;text="ended by Sam"');
    phone.respond(bye, '200 OK');
    await gone;
    expect(probe.byes).toEqual([]);
    await expect(dialog.modify(OUR_SDP)).rejects.toMatchObject({ status: 481 });
  });

  it('without an offer is given ours, and its answer comes with the ACK', async () => {
    const phone = await bench.phone(CUSTOMER);
    const sent = invite(phone, { body: '' });
    const call = await bench.nextCall();
    expect(call.offer).toBeNull();
    const answered = call.answer(OUR_SDP);
    const ok = await phone.response('INVITE', sent.callId);
    expect(ok.body).toBe(OUR_SDP);
    phone.establish(ok, SDP);
    const dialog = await answered;
    expect(dialog.remoteSdp).toBe(SDP);
    void dialog.hangup();
    phone.respond(await phone.request('BYE', sent.callId), '200 OK');
  });

  it('without an offer and without an answer either is ended', async () => {
    const phone = await bench.phone(CUSTOMER);
    const sent = invite(phone, { body: '' });
    const answered = (await bench.nextCall()).answer(OUR_SDP);
    const refused = expect(answered).rejects.toMatchObject({ status: 488 });
    phone.establish(await phone.response('INVITE', sent.callId));
    phone.respond(await phone.request('BYE', sent.callId), '200 OK');
    await refused;
  });

  it('may be given up: the controller is told once, at once or late', async () => {
    const phone = await bench.phone(CUSTOMER);
    const sent = invite(phone);
    const call = await bench.nextCall();
    let told = 0;
    call.onCancel(() => told++);
    call.progress(180);
    await phone.response('INVITE', sent.callId, 180);
    const uri = 'sip:8000@earshot.test';
    phone.send('CANCEL', {
      uri,
      to: '<sip:8000@earshot.test>',
      from: sent.from,
      callId: sent.callId,
      branch: sent.branch,
    });
    expect((await phone.response('CANCEL', sent.callId)).status).toBe(200);
    expect(done(phone, sent, await phone.response('INVITE', sent.callId))).toBe(487);
    await until('onCancel', () => told > 0);
    call.onCancel(() => told++);
    expect(told).toBe(2);
    call.progress(180);
    call.reject(486, 'too late');
    await expect(call.answer(OUR_SDP)).rejects.toMatchObject({ status: 487 });
  });

  it('is refused with the status and reason given, and only once', async () => {
    const phone = await bench.phone(CUSTOMER);
    const sent = invite(phone);
    const call = await bench.nextCall();
    call.reject(480, 'Nobody home');
    call.reject(600, 'again');
    const answer = await phone.response('INVITE', sent.callId);
    expect(answer.first).toBe('SIP/2.0 480 Nobody home');
    done(phone, sent, answer);
    await expect(call.answer(OUR_SDP)).rejects.toBeInstanceOf(LegFailure);
  });

  it('that replaces a dialog says which (RFC 3891)', async () => {
    const phone = await bench.phone(CUSTOMER);
    const sent = invite(phone, { headers: ['Replaces: abc@x;to-tag=1;from-tag=2', 'Require: replaces'] });
    const call = await bench.nextCall();
    expect(call.replaces).toEqual({ callId: 'abc@x', toTag: '1', fromTag: '2' });
    call.reject(481, '');
    expect(done(phone, sent, await phone.response('INVITE', sent.callId))).toBe(481);
  });

  it.each([
    ['an extension that we do not have', { headers: ['Require: 100rel, gruu'] }, 420, 'Unsupported', 'gruu'],
    [
      'a body that is no session description',
      { headers: ['Content-Type: text/plain'], body: 'hello' },
      415,
      'Accept',
      'application/sdp',
    ],
    ['a Replaces without tags', { headers: ['Replaces: abc'] }, 400, 'Replaces', ''],
  ] as const)('that wants %s is refused', async (_what, parts, status, header, value) => {
    const phone = await bench.phone(CUSTOMER);
    const sent = invite(phone, parts);
    const answer = await phone.response('INVITE', sent.callId);
    expect([done(phone, sent, answer), answer.header(header)]).toEqual([status, value]);
    expect(bench.calls).toEqual([]);
  });

  it('is answered reliably on the way where the caller requires it (RFC 3262)', async () => {
    const phone = await bench.phone(CUSTOMER);
    const sent = invite(phone, { headers: ['Require: 100rel'] });
    const call = await bench.nextCall();
    call.progress(180);
    const ringing = await phone.response('INVITE', sent.callId, 180);
    expect(ringing.header('Require')).toBe('100rel');
    expect(ringing.header('RSeq')).toMatch(/^\d+$/);
    const target = /<([^>]+)>/.exec(ringing.header('Contact'))?.[1] ?? '';
    const prack = await phone.ask('PRACK', {
      uri: target,
      from: sent.from,
      to: ringing.header('To'),
      callId: sent.callId,
      cseq: 2,
      headers: [`RAck: ${ringing.header('RSeq')} 1 INVITE`],
    });
    expect(prack.status).toBe(200);
    call.reject(486, '');
    expect(done(phone, sent, await phone.response('INVITE', sent.callId))).toBe(486);
  });
});

describe('other requests from outside a dialog', () => {
  it.each<readonly [string, number]>([
    ['MESSAGE', 405],
    ['SUBSCRIBE', 489],
    ['PUBLISH', 489],
    ['INFO', 481],
    ['NOTIFY', 481],
    // drachtio-server drops it before any application sees it.
    ...(realDrachtio === null ? [['REFER', 405] as const] : []),
    ['OPTIONS', 200],
  ])('%s is answered %i', async (method, status) => {
    const phone = await bench.phone(CUSTOMER);
    expect((await phone.ask(method, { headers: ['Event: presence'] })).status).toBe(status);
  });
});
