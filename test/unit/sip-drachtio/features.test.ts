import { describe, expect, it } from 'vitest';
import { PEER, Rig, SDP, answeredCall, field, placedCall, toTagOf } from './rig.ts';
import type { App, TestPeer } from './rig.ts';

function setup(): { rig: Rig; app: App; peer: TestPeer } {
  const rig = new Rig();
  return { rig, app: rig.app('invite'), peer: rig.peer() };
}

async function offered(rig: Rig, app: App, peer: TestPeer, lines: string[]): Promise<string> {
  peer.send(peer.request('INVITE', { body: SDP, lines }));
  await rig.clock.advance(20);
  return app.take().at(-1)!.tokens[8]!;
}

const RELIABLE = `SIP/2.0 183 Session Progress\r\nRequire: 100rel\r\n\r\n${SDP}`;

describe('reliable provisional responses (RFC 3262)', () => {
  it('are sent again until PRACK, which the application answers; the 200 waits', async () => {
    const { rig, app, peer } = setup();
    const id = await offered(rig, app, peer, ['Supported: 100rel']);
    app.command(`sip|${id}|`, RELIABLE);
    app.command(`sip|${id}|`, `SIP/2.0 200 OK\r\n\r\n${SDP}`);
    await rig.clock.advance(1600);
    const progress = peer.latest('SIP/2.0 183');
    expect(peer.lines().map((l) => l.slice(8, 11))).toEqual(['100', '183', '183', '183']);
    expect(app.lines()).toEqual(['sent SIP/2.0 183 Session Progress']);
    const rack = `RAck: ${field(progress, 'RSeq')} 1 INVITE`;
    peer.send(peer.request('PRACK', { toTag: toTagOf(progress), cseq: 2, lines: [rack] }));
    await rig.clock.advance(20);
    const frames = app.take();
    expect(frames.map((f) => f.message!.slice(0, 11))).toEqual(['PRACK sip:s', 'SIP/2.0 200']);
    app.command(`sip|${frames[0]!.tokens[8]}|`, 'SIP/2.0 200 OK\r\n\r\n');
    await rig.clock.advance(20);
    expect(peer.lines()).toEqual(['SIP/2.0 200 OK', 'SIP/2.0 200 OK']);
  });

  it('need a peer that knows them; one that requires them gets them unasked', async () => {
    const { rig, app, peer } = setup();
    const id = await offered(rig, app, peer, []);
    app.command(`sip|${id}|`, RELIABLE);
    expect(app.lines()).toEqual(['NOK|Remote endpoint does not support 100rel']);
    peer.send(peer.request('INVITE', { callId: 'second', lines: ['Require: 100rel'] }));
    await rig.clock.advance(20);
    app.command(`sip|${app.take()[0]!.tokens[8]}|`, 'SIP/2.0 180 Ringing\r\n\r\n');
    await rig.clock.advance(20);
    const ringing = peer.latest('SIP/2.0 180');
    expect([field(ringing, 'Require'), field(ringing, 'RSeq')]).toEqual(['100rel', expect.stringMatching(/^\d+$/)]);
  });

  it('a PRACK of nothing: 481. One that the final response has overtaken: 200, and nobody hears of it', async () => {
    const { rig, app, peer } = setup();
    const id = await offered(rig, app, peer, ['Supported: 100rel']);
    app.command(`sip|${id}|`, 'SIP/2.0 180 Ringing\r\nRequire: 100rel\r\n\r\n');
    app.command(`sip|${id}|`, `SIP/2.0 200 OK\r\n\r\n${SDP}`);
    await rig.clock.advance(20);
    const ringing = peer.latest('SIP/2.0 180');
    peer.lines();
    app.take();
    const toTag = toTagOf(ringing);
    peer.send(peer.request('PRACK', { toTag, cseq: 2, lines: ['RAck: 1 1 INVITE'] }));
    peer.send(peer.request('PRACK', { toTag, cseq: 3, lines: [`RAck: ${field(ringing, 'RSeq')} 1 INVITE`] }));
    await rig.clock.advance(20);
    expect(peer.lines()).toEqual(['SIP/2.0 481 Call/Transaction Does Not Exist', 'SIP/2.0 200 OK']);
    expect(app.take()).toEqual([]);
  });

  it('no PRACK for 64 T1: 504, and the application is told', async () => {
    const { rig, app, peer } = setup();
    const id = await offered(rig, app, peer, ['Supported: 100rel']);
    app.command(`sip|${id}|`, RELIABLE);
    app.take();
    await rig.clock.advance(32_100);
    expect(peer.lines()).toContain('SIP/2.0 504 Server Time-out');
    expect(app.take()[0]!.message).toContain('text="PRACK timeout"');
  });

  it('of the peer: taken once and in order; PRACK by the dialog id, before the call is answered', async () => {
    const { rig, app, peer } = setup();
    app.command('sip||', `INVITE sip:bob@${PEER} SIP/2.0\r\nSupported: 100rel\r\n\r\n${SDP}`);
    await rig.clock.advance(20);
    const invite = peer.latest('INVITE');
    for (const rseq of [5, 5, 7, 6]) peer.reply(invite, 180, { lines: ['Require: 100rel', `RSeq: ${rseq}`] });
    await rig.clock.advance(20);
    const told = app.take().filter((f) => f.tokens[1] === 'sip');
    expect(told.map((f) => field(f.message!, 'RSeq'))).toEqual(['5', '6']);
    const number = field(invite, 'CSeq').split(' ')[0];
    app.command(`sip||${told[0]!.tokens[9]}`, `PRACK sip:x SIP/2.0\r\nRAck: 5 ${number} INVITE\r\n\r\n`);
    await rig.clock.advance(20);
    const prack = peer.latest('PRACK');
    expect([field(prack, 'RAck'), field(prack, 'To')]).toEqual([
      `5 ${number} INVITE`,
      expect.stringContaining('tag=peer'),
    ]);
  });
});

describe('UPDATE before the answer (RFC 3311)', () => {
  it('goes to the owner under the transaction of the INVITE; both are answered', async () => {
    const { rig, app, peer } = setup();
    const id = await offered(rig, app, peer, []);
    app.command(`sip|${id}|`, 'SIP/2.0 180 Ringing\r\n\r\n');
    await rig.clock.advance(20);
    const toTag = toTagOf(peer.latest('SIP/2.0 180'));
    app.take();
    peer.send(peer.request('UPDATE', { toTag, cseq: 2, body: SDP }));
    await rig.clock.advance(20);
    const [update] = app.take();
    expect([update!.tokens[8], update!.tokens[9]]).toEqual([id, 'call-1;from-tag=peer']);
    peer.lines();
    app.command(`sip|${id}|`, `SIP/2.0 200 OK\r\nCSeq: 2 UPDATE\r\n\r\n${SDP}`);
    app.command(`sip|${id}|`, `SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n\r\n${SDP}`);
    await rig.clock.advance(20);
    const answers = peer.received.map((text) => field(text, 'CSeq'));
    expect(answers).toEqual(['2 UPDATE', '1 INVITE']);
  });
});

describe('session timers (RFC 4028)', () => {
  const TIMER = ['Supported: timer', 'Session-Expires: 200;refresher=uac'];

  it('an interval too short: 422 with Min-SE', async () => {
    const { rig, peer } = setup();
    peer.send(peer.request('INVITE', { lines: ['Supported: timer', 'Session-Expires: 60'] }));
    await rig.clock.advance(20);
    expect(field(peer.latest('SIP/2.0 422'), 'Min-SE')).toBe('90');
  });

  it('the peer is to refresh, and does not: BYE, and the application is told why', async () => {
    const { rig, app, peer } = setup();
    const { tag } = await answeredCall(rig, app, peer, { lines: TIMER });
    await rig.clock.advance(150_000);
    peer.send(peer.request('UPDATE', { toTag: tag, cseq: 2, lines: TIMER }));
    await rig.clock.advance(20);
    app.command(`sip|${app.take()[0]!.tokens[8]}|`, 'SIP/2.0 200 OK\r\n\r\n');
    await rig.clock.advance(20);
    expect(field(peer.latest('SIP/2.0 200'), 'Session-Expires')).toBe('200;refresher=uac');
    await rig.clock.advance(150_000);
    expect(rig.core.sessions.size).toBe(1);
    await rig.clock.advance(40_000);
    expect(field(peer.latest('BYE'), 'Reason')).toContain('Session timer expired');
    expect(app.take().at(-1)!.message).toContain('text="Session timer expired"');
  });

  it('the answer says what holds', async () => {
    const { rig, app, peer } = setup();
    const id = await offered(rig, app, peer, TIMER);
    app.command(`sip|${id}|`, `SIP/2.0 200 OK\r\n\r\n${SDP}`);
    await rig.clock.advance(20);
    const answer = peer.latest('SIP/2.0 200');
    expect([field(answer, 'Session-Expires'), field(answer, 'Require')]).toEqual(['200;refresher=uac', 'timer']);
  });

  it.each([
    ['UPDATE', 'Allow: INVITE, ACK, UPDATE'],
    ['INVITE', 'Allow: INVITE, ACK'],
  ])('we refresh by %s where the peer says "%s", at half the interval', async (method, allow) => {
    const { rig, app, peer } = setup();
    await placedCall(rig, app, peer, { lines: ['Session-Expires: 100;refresher=uac', allow] });
    for (let i = 0; i < 3; i++) {
      await rig.clock.advance(50_100);
      const refresh = peer.latest(`${method} sip:peer@`);
      expect(field(refresh, 'Session-Expires')).toBe('100;refresher=uac');
      expect(refresh.endsWith(SDP)).toBe(method === 'INVITE');
      peer.reply(refresh, 200, { lines: ['Session-Expires: 100;refresher=uac'], body: method === 'INVITE' ? SDP : '' });
      await rig.clock.advance(20);
      expect(peer.lines().includes(`ACK sip:peer@${PEER}`)).toBe(method === 'INVITE');
    }
    expect(app.take()).toEqual([]);
    await rig.clock.advance(50_100);
    peer.reply(peer.latest(`${method} sip:peer@`), 481);
    await rig.clock.advance(20);
    expect(app.take().at(-1)!.tokens[8]).toBe('unsolicited');
  });
});

describe('call detail records', () => {
  it('of a call answered and ended, of one refused, of one placed', async () => {
    const { rig, app, peer } = setup();
    const watcher = rig.app('cdr:attempt', 'cdr:start', 'cdr:stop');
    const records = (): string[] =>
      watcher.take().map(({ tokens }) => [tokens[1], tokens[2], tokens[4]].join(' ').trim());
    const { tag } = await answeredCall(rig, app, peer);
    peer.send(peer.request('BYE', { toTag: tag, cseq: 2 }));
    await rig.clock.advance(20);
    expect(records()).toEqual(['cdr:attempt network', 'cdr:start application uas', 'cdr:stop network normal-release']);
    app.take();
    peer.send(peer.request('INVITE', { callId: 'second' }));
    await rig.clock.advance(20);
    app.command(`sip|${app.take()[0]!.tokens[8]}|`, 'SIP/2.0 486 Busy Here\r\n\r\n');
    expect(records()).toEqual(['cdr:attempt network', 'cdr:stop application call-rejected']);
    await placedCall(rig, app, peer);
    expect(records()).toEqual(['cdr:attempt application', 'cdr:start network uac']);
  });
});

describe('a call of ours that comes back to us', () => {
  it('has two dialogs with ids of their own', async () => {
    const { rig, app, peer } = setup();
    app.command('sip||', `INVITE sip:bob@${PEER} SIP/2.0\r\n\r\n${SDP}`);
    await rig.clock.advance(20);
    const invite = peer.latest('INVITE');
    app.take();
    const callId = field(invite, 'Call-ID');
    const fromTag = /;tag=([^;\s]+)/.exec(field(invite, 'From'))![1]!;
    peer.send(peer.request('INVITE', { callId, fromTag, body: SDP }));
    await rig.clock.advance(20);
    app.command(`sip|${app.take()[0]!.tokens[8]}|`, `SIP/2.0 200 OK\r\n\r\n${SDP}`);
    expect(app.take()[0]!.tokens[11]).toBe(`${callId};from-tag=${fromTag};role=uas`);
    expect(rig.core.sessions.size).toBe(2);
  });
});

describe('proxy', () => {
  const COMMAND = (id: string, flags: string, ...to: string[]): string => `proxy|${id}|${flags}||${to.join('|')}`;

  async function proxied(
    rig: Rig,
    app: App,
    peer: TestPeer,
    flags: string,
    to: readonly string[],
    lines: string[] = [],
  ): Promise<void> {
    const id = await offered(rig, app, peer, lines);
    app.command(COMMAND(id, flags, ...to), 'INVITE sip:x SIP/2.0\r\nX-Added: yes\r\n\r\n');
    await rig.clock.advance(20);
    peer.lines();
  }

  it('stays in the dialog: Record-Route, one Via more, one hop less; ACK and BYE pass; the report is whole', async () => {
    const { rig, app, peer } = setup();
    const callee = rig.peer('10.0.0.8:5060');
    await proxied(rig, app, peer, 'remainInDialog|fullResponse||serial|', ['sip:bob@10.0.0.8']);
    const invite = callee.latest('INVITE sip:bob@10.0.0.8');
    expect(field(invite, 'Record-Route')).toBe('<sip:10.0.0.1:5060;lr>');
    expect([field(invite, 'Max-Forwards'), field(invite, 'X-Added')]).toEqual(['69', 'yes']);
    expect(invite.match(/^Via:/gm)!.length).toBe(2);
    relayed(callee, invite, 180);
    relayed(callee, invite, 200);
    await rig.clock.advance(20);
    const answer = peer.latest('SIP/2.0 200');
    expect(field(answer, 'Record-Route')).toBe('<sip:10.0.0.1:5060;lr>');
    expect(answer.match(/^Via:/gm)!.length).toBe(1);
    expect(app.lines()).toEqual(['sent SIP/2.0 200 200', 'OK|done']);
    const route = 'Route: <sip:10.0.0.1:5060;lr>';
    const toTag = toTagOf(answer);
    const within = (method: string, cseq: number): string =>
      peer.request(method, { toTag, cseq, lines: [route] }).replace(/^(\w+) sip:\S+/, '$1 sip:peer@10.0.0.8:5060');
    peer.send(within('ACK', 1));
    peer.send(within('BYE', 2));
    await rig.clock.advance(20);
    expect(callee.lines().slice(1)).toEqual(['ACK sip:peer@10.0.0.8:5060', 'BYE sip:peer@10.0.0.8:5060']);
    expect(app.take()).toEqual([]);
  });

  it('is no open relay: a Route with our name alone opens no way', async () => {
    const { rig, peer } = setup();
    const victim = rig.peer('10.0.0.66:5060');
    const lines = ['Route: <sip:10.0.0.1:5060;lr>'];
    peer.send(peer.request('INFO', { toTag: 'x', lines }).replace(/^INFO \S+/, 'INFO sip:v@10.0.0.66:5060'));
    await rig.clock.advance(50);
    expect(victim.lines()).toEqual([]);
  });

  it('in turn: a failure, a silence, then the next; the best failure goes up', async () => {
    const { rig, app, peer } = setup();
    const [one, two] = [rig.peer('10.0.0.11:5060'), rig.peer('10.0.0.12:5060')];
    one.onMessage = (text) => text.startsWith('INVITE') && relayed(one, text, 486);
    await proxied(rig, app, peer, '|fullResponse||serial|200ms', ['sip:10.0.0.11', 'sip:10.0.0.12', 'sip:10.0.0.13']);
    await rig.clock.advance(30);
    expect(two.lines()).toEqual(['INVITE sip:10.0.0.12']);
    await rig.clock.advance(500);
    expect(peer.lines()).toEqual(['SIP/2.0 486 486']);
    expect(app.lines()).toEqual(['sent SIP/2.0 486 486', 'OK|done']);
  });

  it('at once: the first to answer wins, the other is cancelled', async () => {
    const { rig, app, peer } = setup();
    const [one, two] = [rig.peer('10.0.0.11:5060'), rig.peer('10.0.0.12:5060')];
    for (const callee of [one, two]) callee.onMessage = (t) => t.startsWith('INVITE') && relayed(callee, t, 180);
    await proxied(rig, app, peer, '|fullResponse||simultaneous|', ['sip:10.0.0.11', 'sip:10.0.0.12']);
    await rig.clock.advance(20);
    relayed(one, one.latest('INVITE'), 200);
    await rig.clock.advance(20);
    expect(two.lines()).toEqual(['INVITE sip:10.0.0.12', 'CANCEL sip:10.0.0.12']);
    expect(peer.lines().at(-1)).toBe('SIP/2.0 200 200');
  });

  it('a caller that cancels: the branch is cancelled, 487 goes up', async () => {
    const { rig, app, peer } = setup();
    const one = rig.peer('10.0.0.11:5060');
    one.onMessage = (text) => text.startsWith('INVITE') && relayed(one, text, 180);
    await proxied(rig, app, peer, '|fullResponse||serial|', ['sip:10.0.0.11']);
    await rig.clock.advance(20);
    const invite = one.latest('INVITE');
    one.onMessage = (text) => text.startsWith('CANCEL') && relayed(one, invite, 487);
    peer.send(peer.request('CANCEL', { branch: 'z9hG4bK-10.0.0.2:5060-1' }));
    await rig.clock.advance(50);
    expect(peer.lines()).toEqual(['SIP/2.0 180 180', 'SIP/2.0 200 OK', 'SIP/2.0 487 487']);
  });

  it('a redirection is followed if so wanted', async () => {
    const { rig, app, peer } = setup();
    const [one, two] = [rig.peer('10.0.0.11:5060'), rig.peer('10.0.0.12:5060')];
    one.onMessage = (t) => t.startsWith('INVITE') && relayed(one, t, 302, ['Contact: <sip:new@10.0.0.12>']);
    await proxied(rig, app, peer, '||followRedirects|serial|', ['sip:10.0.0.11']);
    await rig.clock.advance(30);
    expect(two.lines()).toEqual(['INVITE sip:new@10.0.0.12']);
  });

  it('no hops left: 483, and NOK', async () => {
    const { rig, app, peer } = setup();
    peer.send(peer.request('INVITE').replace('Max-Forwards: 70', 'Max-Forwards: 0'));
    await rig.clock.advance(20);
    app.command(COMMAND(app.take()[0]!.tokens[8]!, '|||serial|', 'sip:10.0.0.11'));
    await rig.clock.advance(20);
    expect(peer.lines()).toContain('SIP/2.0 483 Too Many Hops');
    expect(app.lines()).toEqual(['NOK|Rejected with 483 Too Many Hops due to Max-Forwards value of 0']);
    app.command(COMMAND('gone', '|||serial|', 'sip:10.0.0.11'));
    expect(app.lines()).toEqual(['NOK|Unknown transaction id: gone']);
  });
});

/** A response with all Vias of the request, as every UAS sends it. */
function relayed(peer: TestPeer, request: string, status: number, lines: readonly string[] = []): void {
  const vias = request.match(/^Via:[^\r]*\r\n/gm)!.join('');
  const contact = lines.some((l) => l.startsWith('Contact')) ? null : undefined;
  const response = peer.response(request, status, { lines, ...(contact === null ? { contact } : {}) });
  peer.send(response.replace(/^Via:.*\r\n/m, () => vias));
}
