import { describe, expect, it } from 'vitest';
import { SdpSession } from '../../../media/sdp/session.ts';

const G711_FIRST = ['PCMU', 'PCMA', 'opus'] as const;
const OPUS_FIRST = ['opus', 'PCMU', 'PCMA'] as const;

function session(codecs: readonly ('PCMU' | 'PCMA' | 'opus')[]): SdpSession {
  return new SdpSession({ address: '192.0.2.1', port: 20_000, codecs, sessionId: '42' });
}

function sdp(payloads: string, ...lines: string[]): string {
  const head = ['v=0', 'o=- 7 7 IN IP4 192.0.2.7', 's=-', 'c=IN IP4 192.0.2.7', 't=0 0'];
  return [...head, `m=audio 4000 RTP/AVP ${payloads}`, ...lines.map((line) => `a=rtpmap:${line}`), ''].join('\r\n');
}

const BOTH = sdp('96 0 97 101', '96 opus/48000/2', '97 telephone-event/48000', '101 telephone-event/8000');

function lines(text: string, start: string): string[] {
  return text.split('\r\n').filter((line) => line.startsWith(start));
}

describe('opus in offer and answer (RFC 7587)', () => {
  it('G.711 is taken where our list begins with it, although the peer prefers opus', () => {
    const { text, agreed } = session(G711_FIRST).answer(BOTH);
    expect(lines(text, 'm=')).toEqual(['m=audio 20000 RTP/AVP 0 101']);
    expect(agreed.negotiated.codec).toBe('PCMU');
    expect(agreed.eventRate).toBeUndefined();
  });

  it('opus is taken where our list begins with it, with key presses at its clock', () => {
    const { text, agreed } = session(OPUS_FIRST).answer(BOTH);
    expect(lines(text, 'm=')).toEqual(['m=audio 20000 RTP/AVP 96 97']);
    expect(lines(text, 'a=rtpmap')).toEqual(['a=rtpmap:96 opus/48000/2', 'a=rtpmap:97 telephone-event/48000']);
    expect(agreed.send).toEqual({ codec: 'opus', payloadType: 96, eventPayloadType: 97 });
    expect(agreed.receive).toEqual([[96, 'opus'], [97, 'event']]); // prettier-ignore
    expect(agreed.eventRate).toBe(48_000);
  });

  it('opus that would cost the key presses is not taken before G.711', () => {
    const offer = sdp('96 0 101', '96 opus/48000/2', '101 telephone-event/8000');
    expect(session(OPUS_FIRST).answer(offer).agreed.negotiated).toMatchObject({ codec: 'PCMU', dtmf: true });
  });

  it('opus is taken for want of anything else, in whatever place it stands', () => {
    const { agreed } = session(G711_FIRST).answer(sdp('96', '96 opus/48000/2'));
    expect(agreed.negotiated).toMatchObject({ codec: 'opus', dtmf: false });
  });

  it('opus is not known where it is not in the list, nor by another shape', () => {
    expect(() => session(['PCMU']).answer(sdp('96', '96 opus/48000/2'))).toThrow('no codec in common');
    expect(() => session(OPUS_FIRST).answer(sdp('96', '96 opus/16000'))).toThrow('no codec in common');
  });

  it('our offer puts G.711 first, the peer may be a trunk; the answer decides', () => {
    const ours = session(OPUS_FIRST);
    const offer = ours.offer();
    expect(lines(offer, 'm=')).toEqual(['m=audio 20000 RTP/AVP 0 8 96 101 102']);
    expect(lines(offer, 'a=rtpmap')).toContain('a=rtpmap:102 telephone-event/48000');
    const agreed = ours.accept(sdp('96 102', '96 opus/48000/2', '102 telephone-event/48000'));
    expect(agreed.send).toEqual({ codec: 'opus', payloadType: 96, eventPayloadType: 102 });
    expect(agreed.eventRate).toBe(48_000);
  });

  it('a later offer of ours keeps what is in use first, and its payload types (RFC 3264 section 8.3.2)', () => {
    const ours = session(OPUS_FIRST);
    ours.answer(BOTH);
    const offer = ours.offer();
    expect(lines(offer, 'm=')).toEqual(['m=audio 20000 RTP/AVP 96 0 8 101 97']);
    expect(lines(offer, 'a=rtpmap')).toContain('a=rtpmap:97 telephone-event/48000');
    expect(lines(ours.offer(), 'm=')).toEqual(lines(offer, 'm='));
  });
});
