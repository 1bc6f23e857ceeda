import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MediaError } from '../../../media/engine.ts';
import { isWebRtc, parseRemote } from '../../../media/sdp/remote.ts';
import { SdpSession } from '../../../media/sdp/session.ts';

interface Described {
  readonly media?: string;
  readonly lines?: readonly string[];
  readonly address?: string;
}

function sdp({
  media = 'audio 4000 RTP/AVP 0 8 101',
  lines = ['a=rtpmap:101 telephone-event/8000'],
  address = '192.0.2.7',
}: Described = {}): string {
  return ['v=0', 'o=- 7 7 IN IP4 192.0.2.7', 's=-', `c=IN IP4 ${address}`, 't=0 0', `m=${media}`, ...lines, ''].join(
    '\r\n',
  );
}

function session(codecs: ConstructorParameters<typeof SdpSession>[0]['codecs'] = ['PCMU', 'PCMA']): SdpSession {
  return new SdpSession({ address: '192.0.2.1', port: 20_000, codecs, sessionId: '42' });
}

function lines(text: string, start: string): string[] {
  return text.split('\r\n').filter((line) => line.startsWith(start));
}

describe('the answer to an offer (RFC 3264 section 6)', () => {
  it("takes the offerer's first codec that we have, and its payload types", () => {
    const { text, agreed } = session().answer(
      sdp({
        media: 'audio 4000 RTP/AVP 9 8 0 96',
        lines: ['a=rtpmap:9 G722/8000', 'a=rtpmap:96 telephone-event/8000', 'a=ptime:30'],
      }),
    );
    expect(lines(text, 'm=')).toEqual(['m=audio 20000 RTP/AVP 8 96']);
    expect(lines(text, 'a=rtpmap')).toEqual(['a=rtpmap:8 PCMA/8000', 'a=rtpmap:96 telephone-event/8000']);
    expect(agreed.negotiated).toEqual({
      codec: 'PCMA',
      direction: 'sendrecv',
      address: '192.0.2.7',
      port: 4000,
      ptime: 30,
      dtmf: true,
    });
    expect(agreed.send).toEqual({ codec: 'PCMA', payloadType: 8, eventPayloadType: 96 });
    expect(agreed.receive).toEqual([
      [8, 'PCMA'],
      [96, 'event'],
    ]);
    expect(agreed.remote).toEqual({ address: '192.0.2.7', port: 4000, rtcpPort: 4001 });
  });

  it('one payload type alone, without rtpmap or telephone-event', () => {
    const { text, agreed } = session().answer(sdp({ media: 'audio 4000 RTP/AVP 0', lines: [] }));
    expect(lines(text, 'm=')).toEqual(['m=audio 20000 RTP/AVP 0']);
    expect(agreed.negotiated.dtmf).toBe(false);
    expect(agreed.send?.eventPayloadType).toBe(-1);
  });

  it('refuses every other line with port 0, in its place', () => {
    const offer = sdp({
      media: 'video 5000 RTP/AVP 31',
      lines: ['m=audio 4000 RTP/AVP 0', 'm=audio 4002 RTP/AVP 0', 'm=image 6000 udptl t38'],
    });
    expect(lines(session().answer(offer).text, 'm=')).toEqual([
      'm=video 0 RTP/AVP 31',
      'm=audio 20000 RTP/AVP 0',
      'm=audio 0 RTP/AVP 0',
      'm=image 0 udptl t38',
    ]);
  });

  it.each([
    ['sendrecv', 'sendrecv', true, true],
    ['sendonly', 'recvonly', false, true],
    ['recvonly', 'sendonly', true, false],
    ['inactive', 'inactive', false, false],
  ] as const)('%s is answered with %s', (offered, answered, sends, receives) => {
    const { text, agreed } = session().answer(sdp({ lines: [`a=${offered}`] }));
    expect(text).toContain(`a=${answered}\r\n`);
    expect(agreed.negotiated.direction).toBe(offered);
    expect(agreed.send !== null).toBe(sends);
    expect(agreed.receive.length > 0).toBe(receives);
  });

  it('a direction of the session counts where the media has none', () => {
    const offer = sdp({ lines: [] }).replace('t=0 0', 't=0 0\r\na=sendonly');
    expect(session().answer(offer).agreed.negotiated.direction).toBe('sendonly');
  });

  it('hold by 0.0.0.0 (RFC 3264 section 8.4): nothing is sent, and the peer is still where it was', () => {
    const leg = session();
    leg.answer(sdp());
    const { text, agreed } = leg.answer(sdp({ address: '0.0.0.0' }));
    expect(text).toContain('a=recvonly');
    expect(agreed.send).toBeNull();
    expect(agreed.negotiated).toMatchObject({ address: '0.0.0.0', direction: 'sendonly' });
    expect(agreed.remote?.address).toBe('192.0.2.7');
  });

  it('the version rises only when the description changes; the port stays', () => {
    const leg = session();
    const versions = [sdp(), sdp(), sdp({ lines: ['a=sendonly'] }), sdp({ lines: ['a=sendonly'] }), sdp()].map(
      (offer) => lines(leg.answer(offer).text, 'o=')[0]!.split(' ')[2],
    );
    expect(versions).toEqual(['1', '1', '2', '2', '3']);
    expect(lines(leg.text, 'm=')[0]).toContain('audio 20000');
  });

  it('rtcp and rtcp-mux as offered', () => {
    const { text, agreed } = session().answer(sdp({ lines: ['a=rtcp:5555', 'a=rtcp-mux'] }));
    expect(text).toContain('a=rtcp-mux');
    expect(agreed.rtcpMux).toBe(true);
    expect(agreed.remote?.rtcpPort).toBe(5555);
    expect(session().answer(sdp()).text).not.toContain('rtcp-mux');
  });

  it('a refused offer changes nothing', () => {
    const leg = session();
    leg.answer(sdp());
    const { text, agreed } = leg;
    expect(() => leg.answer(sdp({ media: 'audio 4000 RTP/AVP 18' }))).toThrow(MediaError);
    expect(leg.text).toBe(text);
    expect(leg.agreed).toBe(agreed);
  });
});

describe('an offer of our own and its answer', () => {
  it('offers all codecs, our preferred first', () => {
    const text = session(['PCMA', 'PCMU']).offer();
    expect(lines(text, 'm=')).toEqual(['m=audio 20000 RTP/AVP 8 0 101']);
    expect(text).toContain('a=ptime:20');
    expect(text).toContain('a=sendrecv');
  });

  it('takes the answer, also with other payload types for the other direction, and again', () => {
    const leg = session();
    leg.offer();
    leg.accept(sdp({ lines: ['a=inactive'] }));
    const agreed = leg.accept(sdp({ media: 'audio 4000 RTP/AVP 8 97', lines: ['a=rtpmap:97 telephone-event/8000'] }));
    expect(agreed.send).toEqual({ codec: 'PCMA', payloadType: 8, eventPayloadType: 97 });
    expect(new Map(agreed.receive)).toEqual(
      new Map([
        [8, 'PCMA'],
        [97, 'event'],
        [101, 'event'],
      ]),
    );
  });

  it('in an established session offers what is in use first, maps nothing anew, keeps refused lines', () => {
    const leg = session();
    leg.answer(
      sdp({ media: 'video 5000 RTP/AVP 31', lines: ['m=audio 4000 RTP/AVP 8 98', 'a=rtpmap:98 telephone-event/8000'] }),
    );
    expect(lines(leg.offer(), 'm=')).toEqual(['m=video 0 RTP/AVP 31', 'm=audio 20000 RTP/AVP 8 0 98']);
    expect(() => leg.accept(sdp())).not.toThrow();
  });

  it('an answer without an offer, without audio, or with what was not offered is refused', () => {
    expect(() => session().accept(sdp())).toThrow(expect.objectContaining({ code: 'sdp_invalid' }));
    const leg = session(['PCMU']);
    leg.offer();
    expect(() => leg.accept(sdp({ media: 'audio 4000 RTP/AVP 8' }))).toThrow(
      expect.objectContaining({ code: 'sdp_unacceptable' }),
    );
    expect(() => leg.accept(sdp({ media: 'audio 0 RTP/AVP 0' }))).toThrow(
      expect.objectContaining({ code: 'sdp_invalid' }),
    );
    expect(leg.agreed).toBeNull();
  });
});

describe('descriptions that are refused', () => {
  it.each([
    ['nothing', ''],
    ['something else', 'hello'],
    ['no origin', 'v=0\r\ns=-\r\nm=audio 1 RTP/AVP 0\r\n'],
    ['no audio', sdp({ media: 'video 4000 RTP/AVP 31' })],
    ['audio switched off', sdp({ media: 'audio 0 RTP/AVP 0' })],
    ['no address', sdp().replace(/^c=.*\r\n/m, '')],
    ['an impossible port', sdp({ media: 'audio 99999 RTP/AVP 0' })],
    ['a broken media line', sdp({ media: 'audio' })],
    ['too many lines', sdp({ lines: Array.from({ length: 20 }, () => 'm=video 1 RTP/AVP 31') })],
    ['far too long', sdp({ lines: ['a='.padEnd(40_000, 'x')] })],
  ])('%s: sdp_invalid', (_, text) => {
    expect(() => parseRemote(text)).toThrow(expect.objectContaining({ code: 'sdp_invalid' }));
  });

  it.each([
    ['encryption that is not spoken', sdp({ media: 'audio 4000 RTP/SAVP 0' })],
    ['IPv6', sdp().replace('c=IN IP4 192.0.2.7', 'c=IN IP6 2001:db8::1')],
    ['a name', sdp({ address: 'phone.example.com' })],
    ['multicast, which would multiply what is sent', sdp({ address: '224.0.0.1' })],
    ['broadcast', sdp({ address: '255.255.255.255' })],
  ])('%s: sdp_unacceptable', (_, text) => {
    expect(() => parseRemote(text)).toThrow(expect.objectContaining({ code: 'sdp_unacceptable' }));
  });

  it('no codec in common: sdp_unacceptable, with ours named', () => {
    expect(() => session().answer(sdp({ media: 'audio 4000 RTP/AVP 18 3' }))).toThrow(/PCMU, PCMA/);
  });

  it('a codec whose name is a number is none of ours', () => {
    const { agreed } = session().answer(sdp({ lines: ['a=rtpmap:0 0'] }));
    expect(agreed.negotiated.codec).toBe('PCMA');
  });

  it('whatever comes, a MediaError is thrown or a description returned', () => {
    const good = sdp();
    const damaged = fc.tuple(fc.nat(good.length), fc.nat(20), fc.string({ maxLength: 20 }));
    fc.assert(
      fc.property(damaged, ([at, cut, insert]) => {
        const text = good.slice(0, at) + insert + good.slice(at + cut);
        try {
          const { agreed } = session().answer(text);
          expect(agreed.negotiated.port).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(MediaError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('knows a WebRTC peer by its transport', () => {
    expect(isWebRtc(sdp({ media: 'audio 9 UDP/TLS/RTP/SAVPF 111' }))).toBe(true);
    expect(isWebRtc(sdp())).toBe(false);
  });
});
