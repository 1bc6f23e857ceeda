import { describe, expect, it } from 'vitest';
import { MediaError } from '../../../media/engine.ts';
import { EitherSession } from '../../../media/sdp/either.ts';
import { SdpSession, type AgreedMedia, type Negotiation } from '../../../media/sdp/session.ts';

const DESK_ANSWER = [
  'v=0',
  'o=- 1 1 IN IP4 192.0.2.1',
  's=-',
  'c=IN IP4 192.0.2.1',
  't=0 0',
  'm=audio 4000 RTP/AVP 8',
  '',
].join('\r\n');
const BROWSER_ANSWER = DESK_ANSWER.replace('RTP/AVP', 'UDP/TLS/RTP/SAVPF');

const desk = (): SdpSession =>
  new SdpSession({ address: '198.51.100.1', port: 20000, codecs: ['PCMU', 'PCMA'], sessionId: '1' });

/** Stands for mediasoup: takes descriptions as a desk phone's session does, under the other transport. */
class Browser implements Negotiation {
  readonly #inner = desk();
  closed = 0;
  fault: Error | null = null;

  get text(): string {
    return this.#inner.text.replace('RTP/AVP', 'UDP/TLS/RTP/SAVPF');
  }
  get offers() {
    return { webrtc: this.text };
  }
  get agreed() {
    return this.#inner.agreed;
  }
  offer(): string {
    if (this.fault !== null) throw this.fault;
    this.#inner.offer();
    return this.text;
  }
  accept(answer: string): AgreedMedia {
    if (this.fault !== null) throw this.fault;
    return this.#inner.accept(answer.replace('UDP/TLS/RTP/SAVPF', 'RTP/AVP'));
  }
  answer(offer: string) {
    const { agreed } = this.#inner.answer(offer.replace('UDP/TLS/RTP/SAVPF', 'RTP/AVP'));
    return { text: this.text, agreed };
  }
  close(): void {
    this.closed += 1;
  }
}

async function offered(fault: Error | null = null) {
  const browser = new Browser();
  browser.fault = fault;
  const session = new EitherSession(desk(), browser);
  await session.offer();
  return { browser, session };
}

describe('a leg that phones of both kinds are rung for', () => {
  it('has an offer for each, and is agreed with nobody', async () => {
    const { session, browser } = await offered();
    expect(session.offers.rtp).toContain('m=audio 20000 RTP/AVP 0 8');
    expect(session.offers.webrtc).toBe(browser.text);
    expect(session.agreed).toBeNull();
    await expect(session.answer(DESK_ANSWER)).rejects.toMatchObject({ code: 'sdp_invalid' });
  });

  it('is a desk phone once one has answered: what was held for browsers is given back', async () => {
    const { session, browser } = await offered();
    const agreed = await session.accept(DESK_ANSWER);
    expect(agreed.negotiated).toMatchObject({ codec: 'PCMA', address: '192.0.2.1', port: 4000 });
    expect(browser.closed).toBe(1);
    expect(Object.keys(session.offers)).toEqual(['rtp']);
    expect((await session.answer(DESK_ANSWER)).text).toContain(' RTP/AVP 8');
    session.close();
    expect(browser.closed).toBe(1);
  });

  it('is a browser once one has answered, also for what comes later', async () => {
    const { session, browser } = await offered();
    await session.accept(BROWSER_ANSWER);
    expect(session.agreed).toBe(browser.agreed);
    expect(session.offers).toEqual({ webrtc: browser.text });
    expect(session.text).toBe(browser.text);
    expect(await session.offer()).toContain('UDP/TLS/RTP/SAVPF');
    expect((await session.answer(BROWSER_ANSWER)).text).toContain('UDP/TLS/RTP/SAVPF');
    expect(session.dropBrowser()).toBe(false);
    session.close();
    expect(browser.closed).toBe(1);
  });

  it('is open still after an answer that was refused', async () => {
    const { session, browser } = await offered();
    await expect(session.accept(DESK_ANSWER.replace('RTP/AVP 8', 'RTP/AVP 9'))).rejects.toThrow(MediaError);
    expect(session.agreed).toBeNull();
    await session.accept(BROWSER_ANSWER);
    expect(session.agreed).toBe(browser.agreed);
  });

  it('rings desk phones alone where browsers cannot be served, or not any more', async () => {
    const none = await offered(new MediaError('ports_exhausted', 'no port is left'));
    expect(Object.keys(none.session.offers)).toEqual(['rtp']);
    expect(none.browser.closed).toBe(1);
    const lost = await offered();
    expect(lost.session.dropBrowser()).toBe(true);
    expect(Object.keys(lost.session.offers)).toEqual(['rtp']);
    await expect(lost.session.accept(BROWSER_ANSWER)).rejects.toMatchObject({ code: 'sdp_unacceptable' });
    expect((await lost.session.accept(DESK_ANSWER)).negotiated.codec).toBe('PCMA');
  });

  it('does not hide a fault of ours', async () => {
    await expect(offered(new TypeError('a fault'))).rejects.toThrow(TypeError);
  });
});
