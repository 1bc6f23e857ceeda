import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Dialog, DialRequest } from '../../../src/control/ports.ts';
import { until } from '../../support/until.ts';
import { Bench, DialogProbe, OUR_SDP, PASSWORDS } from './harness.ts';
import { SDP, WirePhone, type WireMessage } from './wire-phone.ts';

let bench: Bench;
let phones: WirePhone[] = [];
let gateway: WirePhone;

beforeAll(async () => {
  gateway = await WirePhone.open('gateway', 0);
  const outbound = `sip:127.0.0.1:${gateway.port};transport=udp`;
  bench = await Bench.start({
    trunks: [
      { id: 'pstn', hosts: [], outbound, numbers: ['+44*'], auth: { username: 'us', password: 'trunk-secret' } },
      { id: 'in only', hosts: [] },
    ].map((trunk) => ({ ...trunk, id: trunk.id.replace(' ', '-') })),
  });
});
afterAll(async () => {
  gateway.close();
  await bench.close();
});
afterEach(async () => {
  for (const phone of phones) {
    await phone.prove('REGISTER', PASSWORDS[phone.extension] ?? '', { headers: ['Expires: 0'] });
  }
  phones = [];
});

async function registered(extension: string): Promise<WirePhone> {
  const phone = await bench.registered(extension);
  phones.push(phone);
  return phone;
}

interface Placed {
  readonly result: Promise<Dialog>;
  readonly abort: AbortController;
  readonly progress: [number, string | null][];
}

function dial(target: DialRequest['target'], more: Partial<DialRequest> = {}): Placed {
  const abort = new AbortController();
  const progress: [number, string | null][] = [];
  const result = bench.signalling.dial({
    target,
    from: { number: '+441632960000', name: 'Ann "Other"' },
    offers: { rtp: OUR_SDP },
    signal: abort.signal,
    onProgress: (status, sdp) => progress.push([status, sdp]),
    ...more,
  });
  result.catch(() => undefined);
  return { result, abort, progress };
}

const alice = { kind: 'user', userId: 'alice' } as const;

/** The phone answers and the call is hung up again. */
async function answerAndHangUp(phone: WirePhone, invite: WireMessage, result: Promise<Dialog>): Promise<Dialog> {
  phone.respond(invite, '200 OK', { body: SDP });
  await phone.request('ACK', invite.header('Call-ID'));
  const dialog = await result;
  const gone = dialog.hangup();
  phone.respond(await phone.request('BYE', invite.header('Call-ID')), '200 OK');
  await gone;
  return dialog;
}

describe('calling a user', () => {
  it('rings the registered phone, and the dialog stands when it answers', async () => {
    const phone = await registered('1001');
    const { result, progress } = dial(alice);
    const invite = await phone.request('INVITE');
    expect(invite.first).toBe(`INVITE ${phone.contact.slice(1, -1)} SIP/2.0`);
    expect(invite.body).toBe(OUR_SDP);
    expect(invite.header('From')).toMatch(/^"Ann \\"Other\\"" <sip:\+441632960000@earshot\.test>;tag=/);
    expect(invite.header('To')).toBe('<sip:1001@earshot.test>');
    expect(invite.header('P-Asserted-Identity')).toBe('"Ann \\"Other\\"" <sip:+441632960000@earshot.test>');
    expect(invite.header('Allow')).toContain('REFER');
    expect(invite.header('Supported')).toBe('replaces, norefersub, timer');
    expect(['Call-Info', 'Alert-Info', 'Answer-Mode'].map((name) => invite.header(name))).toEqual(['', '', '']);
    phone.respond(invite, '180 Ringing');
    phone.respond(invite, '183 Session Progress', { body: SDP });
    await until('progress', () => progress.length === 2);
    expect(progress).toEqual([
      [180, null],
      [183, SDP],
    ]);
    phone.respond(invite, '200 OK', { body: SDP });
    await phone.request('ACK');
    const dialog = await result;
    expect(dialog).toMatchObject({ remoteSdp: SDP, remoteAddress: '127.0.0.1' });
    expect(dialog.sipId).toEqual({
      callId: invite.header('Call-ID'),
      localTag: /tag=(.+)$/.exec(invite.header('From'))?.[1],
      remoteTag: `to-${phone.port}`,
    });
    const probe = new DialogProbe(dialog);
    expect((await phone.within(phone.dialogOf(invite), 'BYE')).status).toBe(200);
    await until('onBye', () => probe.byes.length > 0);
  });

  it('asks the phone to answer by itself only when that is wanted (R-START-3)', async () => {
    const phone = await registered('1001');
    const { result } = dial(alice, { autoAnswer: true });
    const invite = await phone.request('INVITE');
    expect(invite.header('Call-Info')).toBe('<sip:127.0.0.1>;answer-after=0');
    expect(invite.header('Alert-Info')).toBe('<http://127.0.0.1>;info=alert-autoanswer;delay=0');
    expect(invite.header('Answer-Mode')).toBe('Auto');
    await answerAndHangUp(phone, invite, result);
  });

  it('rings all phones at once; the first to answer wins and the others are told that it was answered elsewhere', async () => {
    const [one, two] = [await registered('1001'), await registered('1001')];
    const { result, progress } = dial(alice);
    const invites = [await one.request('INVITE'), await two.request('INVITE')] as const;
    expect(invites[0].header('Call-ID')).not.toBe(invites[1].header('Call-ID'));
    one.respond(invites[0], '183 Session Progress', { body: SDP });
    two.respond(invites[1], '180 Ringing');
    await until('progress', () => progress.length === 2);
    expect(progress.map(([, sdp]) => sdp)).toEqual([null, null]);
    two.respond(invites[1], '200 OK', { body: SDP });
    await two.request('ACK');
    const cancel = await one.request('CANCEL');
    expect(cancel.header('Reason')).toBe('SIP;cause=200;text="Call completed elsewhere"');
    one.respond(cancel, '200 OK');
    one.respond(invites[0], '487 Request Terminated');
    expect((await one.request('ACK')).header('Call-ID')).toBe(invites[0].header('Call-ID'));
    const dialog = await result;
    expect(dialog.sipId.callId).toBe(invites[1].header('Call-ID'));
    void dialog.hangup();
    two.respond(await two.request('BYE'), '200 OK');
  });

  it('acknowledges and hangs up a second answer that lost the race', async () => {
    const [one, two] = [await registered('1001'), await registered('1001')];
    const { result } = dial(alice);
    const invites = [await one.request('INVITE'), await two.request('INVITE')] as const;
    one.respond(invites[0], '180 Ringing');
    two.respond(invites[1], '180 Ringing');
    one.respond(invites[0], '200 OK', { body: SDP });
    two.respond(invites[1], '200 OK', { body: SDP });
    const [ack1, ack2] = [await one.request('ACK'), await two.request('ACK')];
    const dialog = await result;
    const winner = dialog.sipId.callId === ack1.header('Call-ID') ? one : two;
    const loser = winner === one ? two : one;
    expect([ack1, ack2].map((ack) => ack.header('Call-ID'))).toContain(dialog.sipId.callId);
    loser.respond(await loser.request('BYE'), '200 OK');
    void dialog.hangup();
    winner.respond(await winner.request('BYE'), '200 OK');
  });

  it.each([
    [['486 Busy Here', '480 Temporarily Unavailable'], 486, 'Busy Here'],
    [['503 Service Unavailable', '404 Not Found'], 404, 'Not Found'],
    [['500 Oops', '302 Moved Temporarily'], 302, 'Moved Temporarily'],
  ])('that all refuse (%j) fails with %i', async (statuses, status, reason) => {
    const [one, two] = [await registered('1001'), await registered('1001')];
    const { result } = dial(alice);
    one.respond(await one.request('INVITE'), statuses[0] ?? '');
    two.respond(await two.request('INVITE'), statuses[1] ?? '');
    await expect(result).rejects.toMatchObject({ name: 'LegFailure', status, reason });
  });

  it('is over with a 6xx of any phone', async () => {
    const [one, two] = [await registered('1001'), await registered('1001')];
    const { result } = dial(alice);
    const [first, second] = [await one.request('INVITE'), await two.request('INVITE')];
    two.respond(second, '180 Ringing');
    one.respond(first, '603 Decline');
    await expect(result).rejects.toMatchObject({ status: 603, reason: 'Decline' });
    two.respond(await two.request('CANCEL'), '200 OK');
    two.respond(second, '487 Request Terminated');
  });

  it('without a phone fails with 480, and an unknown user with 404', async () => {
    await expect(dial(alice).result).rejects.toMatchObject({ status: 480 });
    await expect(dial({ kind: 'user', userId: 'nobody' }).result).rejects.toMatchObject({ status: 404 });
  });

  it('can be aborted: CANCEL, and 487 at once', async () => {
    const phone = await registered('1001');
    const { result, abort } = dial(alice);
    const invite = await phone.request('INVITE');
    phone.respond(invite, '180 Ringing');
    abort.abort();
    await expect(result).rejects.toMatchObject({ status: 487 });
    phone.respond(await phone.request('CANCEL'), '200 OK');
    phone.respond(invite, '487 Request Terminated');
    await phone.request('ACK');
    await expect(dial(alice, { signal: abort.signal }).result).rejects.toMatchObject({ status: 487 });
  });

  it('aborted too late is hung up: the 200 that wins the race is acknowledged and ended', async () => {
    const phone = await registered('1001');
    const { result, abort } = dial(alice);
    const invite = await phone.request('INVITE');
    abort.abort();
    phone.respond(invite, '200 OK', { body: SDP });
    await expect(result).rejects.toMatchObject({ status: 487 });
    await phone.request('ACK');
    phone.respond(await phone.request('BYE'), '200 OK');
  });

  it('without a session description in the 200 is hung up and fails', async () => {
    const phone = await registered('1001');
    const { result } = dial(alice);
    phone.respond(await phone.request('INVITE'), '200 OK');
    await phone.request('ACK');
    phone.respond(await phone.request('BYE'), '200 OK');
    await expect(result).rejects.toMatchObject({ status: 488 });
  });
});

describe('calling a number by a trunk', () => {
  it('goes to the trunk with the number as user, and answers its challenge', async () => {
    const { result } = dial({ kind: 'number', number: '+441632960001', trunkId: 'pstn' });
    const first = await gateway.request('INVITE');
    expect(first.first).toBe(`INVITE sip:+441632960001@127.0.0.1:${gateway.port};transport=udp SIP/2.0`);
    const challenge = 'Proxy-Authenticate: Digest realm="gw", nonce="n1", algorithm=MD5, qop="auth"';
    gateway.respond(first, '407 Proxy Authentication Required', { headers: [challenge] });
    const proved = await gateway.request('INVITE');
    expect(proved.header('Proxy-Authorization')).toContain('username="us"');
    expect(proved.header('Call-ID')).toBe(first.header('Call-ID'));
    await answerAndHangUp(gateway, proved, result);
    expect(bench.lines.join('\n')).not.toContain('trunk-secret');
  });

  it('fails with 404 where there is no way out', async () => {
    await expect(dial({ kind: 'number', number: '1', trunkId: 'in-only' }).result).rejects.toMatchObject({
      status: 404,
    });
    await expect(dial({ kind: 'number', number: '1', trunkId: 'none' }).result).rejects.toMatchObject({ status: 404 });
  });
});
