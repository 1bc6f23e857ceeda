import { describe, expect, it } from 'vitest';
import { ProtocolFault } from '../../../src/sip-server/drachtio/control-server.ts';
import { PEER, Rig, SDP, field } from './rig.ts';

describe('commands of an application', () => {
  it('ping, route (again and again), remove_route', () => {
    const app = new Rig().app();
    for (const command of ['ping', 'route|invite', 'route|invite', 'remove_route|invite', 'remove_route|invite']) {
      app.command(command);
    }
    expect(app.lines()).toEqual(['OK|pong', 'OK', 'OK', 'OK', 'OK']);
  });

  it.each(['frob', 'route', 'route|two words', `route|${'x'.repeat(40)}`, 'proxy|x'])('%s is a fault', (command) => {
    expect(() => new Rig().app().command(command)).toThrow(ProtocolFault);
  });

  it('a response without transaction id is a fault', () => {
    expect(() => new Rig().app().command('sip||', 'SIP/2.0 200 OK\r\n\r\n')).toThrow('transaction id missing');
  });

  it.each([
    ['OPTIONS foo::: SIP/2.0\r\n\r\n', 'NOK|invalid request-uri: OPTIONS foo::: SIP/2.0'],
    ['OPTIONS sip:b@10.0.0.2;transport=tcp SIP/2.0\r\n\r\n', 'NOK|requested protocol/transport not available'],
    ['OPTIONS sips:b@10.0.0.2 SIP/2.0\r\n\r\n', 'NOK|requested protocol/transport not available'],
    ['OPTIONS sip:10.0.0.1:5060 SIP/2.0\r\n\r\n', 'NOK|can not send request to myself'],
    ['MESSAGE sip:b@10.0.0.2 SIP/2.0\r\n\r\nhello', 'NOK|missing content-type'],
    ['OPTIONS sip:b@10.0.0.2 SIP/2.0\r\nno header\r\n\r\n', 'NOK|Server error: malformed message'],
    ['OPTIONS sip:b@10.0.0.2 SIP/2.0\r\nSubject: a\nX: b\r\n\r\n', 'NOK|Server error: malformed message'],
    ['OPTIONS sip:b@10.0.0.2 SIP/2.0\r\nFrom: <<x\r\n\r\n', 'NOK|Server error: malformed message'],
    ['nonsense', 'NOK|Server error: malformed message'],
    ['', 'NOK|Server error: malformed message'],
    ['CANCEL sip:b@10.0.0.2 SIP/2.0\r\n\r\n', 'NOK|unable to cancel unknown transaction id: '],
    ['SIP/2.0 200 OK\r\n\r\n', 'NOK|Response not sent due to unknown transaction', 'unknown'],
    ['INFO sip:x SIP/2.0\r\n\r\n', 'NOK|Server error: unable to find dialog for dialog id provided', '', 'none'],
  ])('%j is answered %s', (message, answer, transaction = '', dialog = '') => {
    const app = new Rig().app();
    app.command(`sip|${transaction}|${dialog}`, message);
    expect(app.lines()).toEqual([answer]);
  });

  it('what the server adds to a request, and what it takes away (protocol.md section 3)', async () => {
    const rig = new Rig();
    const app = rig.app();
    const peer = rig.peer();
    app.command(
      'sip||',
      `INVITE sip:bob@${PEER} SIP/2.0\r\nvia: SIP/2.0/UDP evil\r\nroute: <sip:evil>\r\nrecord-route: <sip:evil>\r\nrseq: 1\r\n` +
        'content-length: 9999\r\nfrom: "A" <sip:a@localhost>\r\ncontact: sip:a@localhost\r\nX-Own: kept; as=is\r\n' +
        `p-asserted-identity: <sip:a@localhost>\r\nUser-Agent: drachtio-fsmrf:1\r\n\r\n${SDP}`,
    );
    await rig.clock.advance(20);
    const invite = peer.latest('INVITE');
    expect(invite).not.toMatch(/evil|RSeq|9999/i);
    expect(field(invite, 'Via')).toMatch(/^SIP\/2\.0\/UDP 10\.0\.0\.1:5060;rport;branch=z9hG4bK/);
    expect(field(invite, 'From')).toMatch(/^"A" <sip:a@10\.0\.0\.1:5060>;tag=\w+$/);
    expect(field(invite, 'To')).toBe(`<sip:bob@${PEER}>`);
    expect(field(invite, 'Contact')).toBe('<sip:a@10.0.0.1:5060>');
    expect(field(invite, 'P-Asserted-Identity')).toBe('<sip:a@10.0.0.1:5060>');
    expect(field(invite, 'X-Own')).toBe('kept; as=is');
    expect(field(invite, 'User-Agent')).toBe('drachtio-fsmrf:1');
    expect(field(invite, 'Max-Forwards')).toBe('70');
    expect(field(invite, 'Content-Type')).toBe('application/sdp');
    expect(field(invite, 'Content-Length')).toBe(String(SDP.length));
    expect(field(invite, 'Call-ID')).toMatch(/^[0-9a-f-]+$/);
  });

  it('a Contact with an address that is not ours is put right, but not in REGISTER', async () => {
    const rig = new Rig();
    const app = rig.app();
    const peer = rig.peer();
    for (const method of ['INVITE', 'REGISTER']) {
      app.command('sip||', `${method} sip:${PEER} SIP/2.0\r\nContact: <sip:a@192.168.9.9:5070;x=y>;q=1\r\n\r\n`);
    }
    await rig.clock.advance(20);
    expect(field(peer.latest('INVITE'), 'Contact')).toBe('<sip:a@10.0.0.1:5060;x=y>;q=1');
    expect(field(peer.latest('REGISTER'), 'Contact')).toBe('<sip:a@192.168.9.9:5070;x=y>;q=1');
  });

  it('over TCP a Contact of ours names the transport', async () => {
    const rig = new Rig({ protocol: 'tcp' });
    const app = rig.app();
    const peer = rig.peer();
    app.command('sip||', `INVITE sip:bob@${PEER};transport=tcp SIP/2.0\r\ncontact: sip:a@localhost\r\n\r\n`);
    await rig.clock.advance(20);
    expect(field(peer.latest('INVITE'), 'Contact')).toBe('<sip:a@10.0.0.1:5060;transport=tcp>');
  });

  it('a name that does not resolve: told as sent by an unknown protocol, then 503', async () => {
    const rig = new Rig();
    const app = rig.app();
    app.command('sip||', 'OPTIONS sip:b@no-such-host.invalid SIP/2.0\r\n\r\n');
    await new Promise((resolve) => setTimeout(resolve, 0));
    for (let i = 0; i < 400 && !app.client.closed; i++) {
      const frames = app.take();
      if (frames.length > 0) {
        expect(frames.map((f) => f.tokens.slice(3, 7).join('|'))).toEqual(['OK|application|0|unknown', '0|unknown||0']);
        expect(frames[1]!.message!.startsWith('SIP/2.0 503 DNS Error')).toBe(true);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error('no answer');
  });
});
