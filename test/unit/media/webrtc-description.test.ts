import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MediaError } from '../../../media/engine.ts';
import { compose, type Local } from '../../../media/mediasoup/webrtc/compose.ts';
import { readPeer } from '../../../media/mediasoup/webrtc/description.ts';
import { isWebRtc } from '../../../media/sdp/remote.ts';

const OFFER = [
  'v=0',
  'o=- 4611731400430051336 2 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'a=group:BUNDLE 0 1',
  'a=msid-semantic: WMS',
  'm=audio 58779 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126',
  'c=IN IP4 192.0.2.7',
  'a=rtcp:9 IN IP4 0.0.0.0',
  'a=candidate:1 1 udp 2122260223 192.0.2.7 58779 typ host generation 0',
  'a=ice-ufrag:1234',
  'a=ice-pwd:by5GZGG1lw+040DWA6hXM5Bz',
  'a=fingerprint:sha-256 7b:8b:f0:65:5f:78:e2:51:3b:ac:6f:f3:3f:46:1b:35:dc:b8:5f:64:1a:24:c2:43:f0:a1:58:d0:a1:2c:19:08',
  'a=setup:actpass',
  'a=mid:0',
  'a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid',
  'a=sendrecv',
  'a=rtcp-mux',
  'a=rtpmap:111 opus/48000/2',
  'a=rtpmap:0 PCMU/8000',
  'a=rtpmap:8 PCMA/8000',
  'a=rtpmap:110 telephone-event/48000',
  'a=rtpmap:126 telephone-event/8000',
  'a=ssrc:3889735232 cname:Zfd2',
  'm=video 9 UDP/TLS/RTP/SAVPF 96',
  'c=IN IP4 0.0.0.0',
  'a=mid:1',
  'a=rtpmap:96 VP8/90000',
  '',
].join('\r\n');

const without = (pattern: RegExp): string =>
  OFFER.split('\r\n')
    .filter((line) => !pattern.test(line))
    .join('\r\n');

const LOCAL: Local = {
  sessionId: 7,
  version: 3,
  ice: {
    ufrag: 'ours',
    password: 'secret-of-ice',
    candidates: [{ foundation: 'udp', priority: 1076302079, address: '192.0.2.1', port: 20002 }],
  },
  fingerprints: [{ algorithm: 'sha-256', value: 'AA:BB' }],
  setup: 'passive',
  mid: '0',
  bundled: true,
  protocol: 'UDP/TLS/RTP/SAVPF',
  direction: 'sendrecv',
  codecs: [{ name: 'PCMU', payloadType: 0 }],
  events: new Map([[8000, 126]]),
  midExtension: 4,
  ssrc: 42,
  lines: readPeer(OFFER).lines,
  index: 0,
};

describe('a browser’s description', () => {
  it('is read', () => {
    expect(readPeer(OFFER)).toMatchObject({
      index: 0,
      bundled: true,
      mid: '0',
      address: '192.0.2.7',
      port: 58779,
      iceUfrag: '1234',
      setup: 'actpass',
      fingerprints: [{ algorithm: 'sha-256', value: expect.stringMatching(/^7B:8B:[0-9A-F:]+$/) as string }],
      direction: 'sendrecv',
      ssrc: 3889735232,
      cname: 'Zfd2',
      midExtension: 4,
      codecs: [
        { name: 'opus', payloadType: 111 },
        { name: 'PCMU', payloadType: 0 },
        { name: 'PCMA', payloadType: 8 },
      ],
      events: new Map([
        [48000, 110],
        [8000, 126],
      ]),
    });
  });

  it.each([
    ['no fingerprint', /^a=fingerprint/],
    ['no ICE credentials', /^a=ice-/],
    ['no rtcp-mux', /^a=rtcp-mux/],
  ])('is unacceptable with %s', (_what, pattern) => {
    expect(() => readPeer(without(pattern))).toThrow(expect.objectContaining({ code: 'sdp_unacceptable' }));
  });

  it('is invalid without audio, or with audio refused', () => {
    for (const sdp of ['', 'nonsense', without(/^m=audio/), OFFER.replace('m=audio 58779', 'm=audio 0')]) {
      expect(() => readPeer(sdp)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^sdp_/) as string }));
    }
  });

  it('is refused, not stumbled over, where a name is a number', () => {
    for (const [from, to] of [
      [/^a=fingerprint:.*$/m, 'a=fingerprint:5 6'],
      [/^a=rtpmap:(\d+) .*$/gm, 'a=rtpmap:$1 0'],
    ] as const) {
      expect(() => readPeer(OFFER.replace(from, to))).not.toThrow(TypeError);
    }
  });

  it('is told from one of a desk phone', () => {
    expect(isWebRtc(OFFER)).toBe(true);
    expect(isWebRtc('v=0\r\nm=audio 4000 RTP/AVP 0\r\n')).toBe(false);
    expect(isWebRtc('v=0\r\nm=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n')).toBe(false);
  });

  it('may be mangled in any way: it is read or refused, by an error of the engine', () => {
    const lines = OFFER.split('\r\n');
    const edit = fc.record({ at: fc.nat(lines.length - 1), with: fc.oneof(fc.string(), fc.constantFrom(...lines)) });
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 6 }), (edits) => {
        const mangled = [...lines];
        for (const each of edits) mangled[each.at] = each.with;
        try {
          readPeer(mangled.join('\r\n'));
        } catch (error) {
          expect(error).toBeInstanceOf(MediaError);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('Earshot’s description', () => {
  const sdp = compose(LOCAL);

  it('is of an ICE-lite end, with its codec, keys and source', () => {
    for (const line of [
      'a=ice-lite',
      'a=group:BUNDLE 0',
      'm=audio 20002 UDP/TLS/RTP/SAVPF 0 126',
      'c=IN IP4 192.0.2.1',
      'a=rtpmap:0 PCMU/8000',
      'a=rtpmap:126 telephone-event/8000',
      'a=fmtp:126 0-16',
      'a=setup:passive',
      'a=rtcp-mux',
      'a=mid:0',
      'a=ssrc:42 cname:earshot',
      'a=fingerprint:sha-256 AA:BB',
      'a=candidate:udp 1 udp 1076302079 192.0.2.1 20002 typ host',
      'a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid',
    ]) {
      expect(sdp.split('\r\n')).toContain(line);
    }
  });

  it('refuses every other m-line of an offer, in its place (RFC 3264 section 6)', () => {
    expect(sdp.match(/^m=.*$/gm)).toEqual(['m=audio 20002 UDP/TLS/RTP/SAVPF 0 126', 'm=video 0 UDP/TLS/RTP/SAVPF 96']);
  });

  it('is read back as it was meant', () => {
    expect(readPeer(sdp)).toMatchObject({ mid: '0', setup: 'passive', ssrc: 42, direction: 'sendrecv', port: 20002 });
  });
});
