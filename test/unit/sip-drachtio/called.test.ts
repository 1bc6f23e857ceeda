import { describe, expect, it } from 'vitest';
import { Rig, SDP, answeredCall, field, toTagOf } from './rig.ts';
import type { App, TestPeer } from './rig.ts';

function setup(): { rig: Rig; app: App; peer: TestPeer } {
  const rig = new Rig();
  return { rig, app: rig.app('invite', 'options', 'register', 'subscribe'), peer: rig.peer() };
}

async function offered(rig: Rig, app: App, peer: TestPeer, lines: string[] = []): Promise<string> {
  peer.send(peer.request('INVITE', { body: SDP, lines }));
  await rig.clock.advance(20);
  return app.take().at(-1)!.tokens[8]!;
}

describe('an INVITE of the network', () => {
  it('is answered 100 at once; its retransmissions reach nobody', async () => {
    const { rig, app, peer } = setup();
    const invite = peer.request('INVITE', { body: SDP });
    for (let i = 0; i < 3; i++) peer.send(invite);
    await rig.clock.advance(20);
    expect(peer.lines()).toEqual(['SIP/2.0 100 Trying', 'SIP/2.0 100 Trying', 'SIP/2.0 100 Trying']);
    expect(app.lines()).toEqual(['sip network INVITE sip:service@10.0.0.1:5060']);
  });

  it('goes nowhere without an application: 503; with a To tag of no dialog: 481', async () => {
    const rig = new Rig();
    const peer = rig.peer();
    peer.send(peer.request('INVITE'));
    peer.send(peer.request('INVITE', { callId: 'other', toTag: 'unknown' }));
    await rig.clock.advance(20);
    expect(peer.lines()).toEqual([
      'SIP/2.0 100 Trying',
      'SIP/2.0 503 Service Unavailable',
      'SIP/2.0 481 Call/Transaction Does Not Exist',
    ]);
  });

  it('its 2xx is sent again until the ACK, from T1 to T2', async () => {
    const { rig, app, peer } = setup();
    const transaction = await offered(rig, app, peer);
    app.command(`sip|${transaction}|`, `SIP/2.0 200 OK\r\n\r\n${SDP}`);
    await rig.clock.advance(8000);
    expect(peer.lines().filter((l) => l.includes('200')).length).toBe(5);
    peer.send(peer.request('ACK', { toTag: toTagOf(app.take()[0]!.message!) }));
    await rig.clock.advance(60_000);
    expect(peer.lines()).toEqual([]);
    expect(app.lines()).toEqual(['sip network ACK sip:service@10.0.0.1:5060']);
  });

  it('no ACK for 64 T1: BYE with the reason, and an unsolicited BYE to the application', async () => {
    const { rig, app, peer } = setup();
    const transaction = await offered(rig, app, peer);
    app.command(`sip|${transaction}|`, `SIP/2.0 200 OK\r\n\r\n${SDP}`);
    app.take();
    await rig.clock.advance(32_050);
    const bye = peer.latest('BYE');
    expect(field(bye, 'Reason')).toBe('SIP ;cause=200 ;text="ACK timeout"');
    const frame = app.take().at(-1)!;
    expect(frame.tokens.slice(1, 3)).toEqual(['sip', 'application']);
    expect(frame.tokens[8]).toBe('unsolicited');
    expect(frame.tokens[9]).toBe('call-1;from-tag=peer');
    expect(frame.message).toContain('Reason: SIP ;cause=200 ;text="ACK timeout"');
    peer.reply(bye, 200);
    await rig.clock.advance(60_000);
    expect(rig.leftovers).toEqual([0, 0, 0, 0, 0]);
  });

  it('a repeated ACK is told once; its body goes along (delayed offer)', async () => {
    const { rig, app, peer } = setup();
    peer.send(peer.request('INVITE'));
    await rig.clock.advance(20);
    app.command(`sip|${app.take()[0]!.tokens[8]}|`, `SIP/2.0 200 OK\r\n\r\n${SDP}`);
    const toTag = toTagOf(app.take()[0]!.message!);
    for (let i = 0; i < 3; i++) peer.send(peer.request('ACK', { toTag, body: SDP }));
    await rig.clock.advance(20);
    const frames = app.take();
    expect(frames.length).toBe(1);
    expect(frames[0]!.message!.endsWith(SDP)).toBe(true);
  });

  it('CANCEL before the answer: 200, 487, and the application is told under the same transaction', async () => {
    const { rig, app, peer } = setup();
    const invite = peer.request('INVITE', { branch: 'z9hG4bKc1' });
    peer.send(invite);
    await rig.clock.advance(20);
    const transaction = app.take()[0]!.tokens[8]!;
    peer.lines();
    peer.send(peer.request('CANCEL', { branch: 'z9hG4bKc1' }));
    await rig.clock.advance(20);
    expect(peer.lines()).toEqual(['SIP/2.0 200 OK', 'SIP/2.0 487 Request Terminated']);
    const frames = app.take();
    expect(frames.map((f) => [f.tokens[1], f.tokens[8], f.message!.slice(0, 6)])).toEqual([
      ['sip', transaction, 'CANCEL'],
    ]);
    // the application that answers all the same is told that it is too late
    app.command(`sip|${transaction}|`, 'SIP/2.0 200 OK\r\n\r\n');
    expect(app.lines()).toEqual(['NOK|Response not sent due to unknown transaction']);
  });

  it('CANCEL after the answer changes nothing', async () => {
    const { rig, app, peer } = setup();
    peer.send(peer.request('INVITE', { branch: 'z9hG4bKc2', body: SDP }));
    await rig.clock.advance(20);
    app.command(`sip|${app.take()[0]!.tokens[8]}|`, `SIP/2.0 200 OK\r\n\r\n${SDP}`);
    app.take();
    await rig.clock.advance(20);
    peer.lines();
    peer.send(peer.request('CANCEL', { branch: 'z9hG4bKc2' }));
    await rig.clock.advance(20);
    expect(peer.lines()).toEqual(['SIP/2.0 200 OK']);
    expect(app.lines()).toEqual([]);
    expect(rig.core.sessions.size).toBe(1);
  });

  it('an application that never answers: 408 in the end, and a CANCEL says so', async () => {
    const { rig, app, peer } = setup();
    await offered(rig, app, peer);
    await rig.clock.advance(901_000);
    expect(peer.lines()).toContain('SIP/2.0 408 Request Timeout');
    const [cancel] = app.take();
    expect(cancel?.message).toMatch(/^CANCEL .*text="no answer"/s);
  });

  it('an Expires that runs out: 487', async () => {
    const { rig, app, peer } = setup();
    await offered(rig, app, peer, ['Expires: 10']);
    await rig.clock.advance(10_100);
    expect(peer.lines()).toContain('SIP/2.0 487 Request Terminated');
    expect(app.lines()).toEqual(['sip network CANCEL sip:service@10.0.0.1:5060']);
  });

  it('an application that dies: 503, and nothing is left', async () => {
    const { rig, app, peer } = setup();
    await offered(rig, app, peer);
    app.gone();
    await rig.clock.advance(20);
    peer.send(peer.request('ACK', { branch: 'z9hG4bK-10.0.0.2:5060-1' }));
    expect(peer.lines()).toContain('SIP/2.0 503 Service Unavailable');
    await rig.clock.advance(60_000);
    expect(rig.leftovers).toEqual([0, 0, 0, 0, 0]);
  });

  it('a second application takes its turn', async () => {
    const rig = new Rig();
    const apps = [rig.app('invite'), rig.app('invite'), rig.app('invite', 'invite')];
    const peer = rig.peer();
    for (let i = 0; i < 6; i++) {
      peer.send(peer.request('INVITE', { callId: `c${i}` }));
      await rig.clock.advance(20);
    }
    expect(apps.map((a) => a.take().length)).toEqual([2, 2, 2]);
    apps[1]!.command('remove_route|invite');
    apps[2]!.gone();
    peer.send(peer.request('INVITE', { callId: 'last' }));
    await rig.clock.advance(20);
    expect(apps[0]!.take().length).toBe(1);
  });
});

describe('within a dialog of the network', () => {
  it('BYE: the dialog is gone at once; unanswered, it is answered all the same', async () => {
    const { rig, app, peer } = setup();
    const { dialog, tag } = await answeredCall(rig, app, peer);
    peer.send(peer.request('BYE', { toTag: tag, cseq: 2 }));
    await rig.clock.advance(20);
    const [bye] = app.take();
    expect([bye!.tokens[9], bye!.message!.slice(0, 3)]).toEqual([dialog, 'BYE']);
    app.command(`sip||${dialog}`, 'INFO sip:placeholder SIP/2.0\r\n\r\n');
    expect(app.lines()).toEqual(['NOK|Server error: unable to find dialog for dialog id provided']);
    await rig.clock.advance(31_000);
    expect(peer.lines()).toEqual(['SIP/2.0 200 OK']);
    await rig.clock.advance(60_000);
    expect(rig.leftovers).toEqual([0, 0, 0, 0, 0]);
  });

  it('a BYE of the application waits for the ACK (RFC 3261 15)', async () => {
    const { rig, app, peer } = setup();
    const transaction = await offered(rig, app, peer);
    app.command(`sip|${transaction}|`, `SIP/2.0 200 OK\r\n\r\n${SDP}`);
    app.command('sip||call-1;from-tag=peer', 'BYE sip:placeholder SIP/2.0\r\n\r\n');
    await rig.clock.advance(100);
    const toTag = toTagOf(peer.latest('SIP/2.0 200'));
    expect(peer.lines()).not.toContain('BYE sip:peer@10.0.0.2:5060');
    expect(app.lines()).toEqual(['sent SIP/2.0 200 OK', 'sent BYE sip:peer@10.0.0.2:5060']);
    peer.send(peer.request('ACK', { toTag }));
    await rig.clock.advance(20);
    expect(peer.lines()).toEqual(['BYE sip:peer@10.0.0.2:5060']);
  });

  it('a CSeq that is no higher than the last: 500; an INVITE beside another: 500', async () => {
    const { rig, app, peer } = setup();
    const { tag } = await answeredCall(rig, app, peer);
    peer.send(peer.request('INFO', { toTag: tag, cseq: 1 }));
    peer.send(peer.request('INVITE', { toTag: tag, cseq: 2, body: SDP }));
    peer.send(peer.request('INVITE', { toTag: tag, cseq: 3, body: SDP }));
    await rig.clock.advance(20);
    expect(peer.lines()).toEqual([
      'SIP/2.0 500 CSeq out of order',
      'SIP/2.0 100 Trying',
      'SIP/2.0 500 Server Internal Error',
    ]);
    expect(app.lines()).toEqual(['sip network INVITE sip:service@10.0.0.1:5060']);
  });

  it('an INVITE that crosses ours: 491 (14.2)', async () => {
    const { rig, app, peer } = setup();
    const { dialog, tag } = await answeredCall(rig, app, peer);
    app.command(`sip||${dialog}`, `INVITE sip:placeholder SIP/2.0\r\n\r\n${SDP}`);
    peer.send(peer.request('INVITE', { toTag: tag, cseq: 2, body: SDP }));
    await rig.clock.advance(20);
    expect(peer.lines()).toEqual(['INVITE sip:peer@10.0.0.2:5060', 'SIP/2.0 491 Request Pending']);
  });

  it('a provisional answer to a re-INVITE does not cost the final one', async () => {
    const { rig, app, peer } = setup();
    const { tag, dialog } = await answeredCall(rig, app, peer);
    peer.send(peer.request('INVITE', { toTag: tag, cseq: 2, body: SDP }));
    await rig.clock.advance(20);
    const id = app.take()[0]!.tokens[8];
    app.command(`sip|${id}|`, 'SIP/2.0 180 Ringing\r\n\r\n');
    app.command(`sip|${id}|`, `SIP/2.0 200 OK\r\n\r\n${SDP}`);
    await rig.clock.advance(20);
    expect(peer.lines()).toEqual(['SIP/2.0 100 Trying', 'SIP/2.0 180 Ringing', 'SIP/2.0 200 OK']);
    expect(app.take().every((f) => f.tokens[11] === dialog)).toBe(true);
  });

  it('a Contact behind NAT: the request goes to the source (protocol.md section 4)', async () => {
    const { rig, app, peer } = setup();
    const { dialog } = await answeredCall(rig, app, peer, { contact: '192.168.1.7:5062' });
    app.command(`sip||${dialog}`, 'INFO sip:placeholder SIP/2.0\r\n\r\n');
    await rig.clock.advance(20);
    expect(peer.lines()).toEqual(['INFO sip:peer@192.168.1.7:5062']);
  });

  it('a Record-Route is followed, and not the source', async () => {
    const { rig, app, peer } = setup();
    const proxy = rig.peer('10.0.0.3:5060');
    const lines = ['Record-Route: <sip:10.0.0.3;lr>'];
    const { dialog } = await answeredCall(rig, app, peer, { contact: '192.168.1.7:5062', lines });
    app.command(`sip||${dialog}`, 'INFO sip:placeholder SIP/2.0\r\n\r\n');
    await rig.clock.advance(20);
    expect(field(proxy.latest('INFO'), 'Route')).toBe('<sip:10.0.0.3;lr>');
    expect(peer.lines()).toEqual([]);
  });

  it('the application dies: BYE', async () => {
    const { rig, app, peer } = setup();
    await answeredCall(rig, app, peer);
    app.gone();
    await rig.clock.advance(20);
    peer.reply(peer.latest('BYE'), 200);
    await rig.clock.advance(60_000);
    expect(rig.leftovers).toEqual([0, 0, 0, 0, 0]);
  });

  it('the application dies before the ACK: the BYE waits for it', async () => {
    const { rig, app, peer } = setup();
    const transaction = await offered(rig, app, peer);
    app.command(`sip|${transaction}|`, `SIP/2.0 200 OK\r\n\r\n${SDP}`);
    await rig.clock.advance(20);
    const toTag = toTagOf(peer.latest('SIP/2.0 200'));
    app.gone();
    await rig.clock.advance(20);
    expect(peer.lines().some((l) => l.startsWith('BYE'))).toBe(false);
    peer.send(peer.request('ACK', { toTag }));
    await rig.clock.advance(20);
    peer.reply(peer.latest('BYE'), 200);
    await rig.clock.advance(60_000);
    expect(rig.leftovers).toEqual([0, 0, 0, 0, 0]);
  });
});

describe('other requests of the network', () => {
  it('BYE and UPDATE without dialog: 481; a REGISTER with a bad Contact: 400; a method nobody knows: 501', async () => {
    const { rig, peer } = setup();
    peer.send(peer.request('BYE', { callId: 'b' }));
    peer.send(peer.request('UPDATE', { callId: 'u', toTag: 'x' }));
    peer.send(peer.request('REGISTER', { callId: 'r', contact: null, lines: ['Contact: *', 'Expires: 60'] }));
    peer.send(peer.request('FROB', { callId: 'f' }));
    await rig.clock.advance(20);
    expect(peer.lines().map((l) => l.slice(8, 11))).toEqual(['481', '481', '400', '501']);
  });

  it('an application that does not answer: the peer is told before it gives up', async () => {
    const { rig, app, peer } = setup();
    peer.send(peer.request('OPTIONS'));
    await rig.clock.advance(31_000);
    expect(peer.lines()).toEqual(['SIP/2.0 504 Server Time-out']);
    const id = app.take()[0]!.tokens[8];
    app.command(`sip|${id}|`, 'SIP/2.0 200 OK\r\n\r\n');
    expect(app.lines()).toEqual(['NOK|Response not sent due to unknown transaction']);
  });

  it('another application cannot answer', async () => {
    const { rig, app, peer } = setup();
    const other = rig.app();
    peer.send(peer.request('OPTIONS'));
    await rig.clock.advance(20);
    const id = app.take()[0]!.tokens[8];
    other.command(`sip|${id}|`, 'SIP/2.0 200 OK\r\n\r\n');
    expect(other.lines()).toEqual(['NOK|Response not sent due to unknown transaction']);
    app.command(`sip|${id}|`, 'SIP/2.0 200 OK\r\n\r\n');
    expect(app.lines()).toEqual(['sent SIP/2.0 200 OK']);
  });

  it('a subscription: NOTIFY by the dialog id, forgotten with the one that terminates it', async () => {
    const { rig, app, peer } = setup();
    peer.send(peer.request('SUBSCRIBE', { lines: ['Event: presence', 'Expires: 60'] }));
    await rig.clock.advance(20);
    app.command(`sip|${app.take()[0]!.tokens[8]}|`, 'SIP/2.0 202 Accepted\r\n\r\n');
    const dialog = app.take()[0]!.tokens[11]!;
    expect(dialog).toBe('call-1;from-tag=peer');
    app.command(
      `sip||${dialog}`,
      'NOTIFY sip:placeholder SIP/2.0\r\nEvent: presence\r\nSubscription-State: terminated\r\n\r\n',
    );
    await rig.clock.advance(20);
    peer.reply(peer.latest('NOTIFY'), 200);
    await rig.clock.advance(20);
    expect(rig.core.sessions.size).toBe(0);
  });

  it('a subscription whose application dies is terminated; one that nobody renews is forgotten', async () => {
    const { rig, app, peer } = setup();
    for (const callId of ['s1', 's2'])
      peer.send(peer.request('SUBSCRIBE', { callId, lines: ['Event: x', 'Expires: 60'] }));
    await rig.clock.advance(20);
    const [first, second] = app.take();
    app.command(`sip|${first!.tokens[8]}|`, 'SIP/2.0 200 OK\r\nExpires: 60\r\n\r\n');
    await rig.clock.advance(95_000);
    expect(rig.core.sessions.size).toBe(0);
    expect(second!.message).toContain('s2');
    peer.send(peer.request('SUBSCRIBE', { callId: 's3', lines: ['Event: x', 'Expires: 600'] }));
    await rig.clock.advance(20);
    app.command(`sip|${app.take().at(-1)!.tokens[8]}|`, 'SIP/2.0 200 OK\r\nExpires: 600\r\n\r\n');
    app.gone();
    await rig.clock.advance(20);
    expect(field(peer.latest('NOTIFY'), 'Subscription-State')).toBe('terminated;reason=noresource');
  });
});
