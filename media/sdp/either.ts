/**
 * Offers to phones of both kinds that are rung at once for one leg: plain RTP and WebRTC. Both lead to the same socket; the
 * first answer decides which of them the leg is.
 *
 *   open (both offered) -> decided (one is left)        the browsers' half may also be lost before
 */
import { MediaError } from '../engine.ts';
import type { Offers } from '../engine.ts';
import { isWebRtc } from './remote.ts';
import type { AgreedMedia, Answer, Negotiation } from './session.ts';

export class EitherSession implements Negotiation {
  readonly #phone: Negotiation;
  #browser: Negotiation | null;
  /** Who has answered; null: nobody yet. */
  #taken: Negotiation | null = null;

  constructor(phone: Negotiation, browser: Negotiation) {
    this.#phone = phone;
    this.#browser = browser;
  }

  get text(): string {
    return (this.#taken ?? this.#phone).text;
  }

  get offers(): Offers {
    return this.#taken?.offers ?? { ...this.#browser?.offers, ...this.#phone.offers };
  }

  get agreed(): AgreedMedia | null {
    return this.#taken?.agreed ?? null;
  }

  /** Browsers that cannot be served cost the desk phones nothing. */
  async offer(): Promise<string> {
    if (this.#taken !== null) return await this.#taken.offer();
    const text = await this.#phone.offer();
    try {
      await this.#browser?.offer();
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      this.dropBrowser();
    }
    return text;
  }

  async accept(answer: string): Promise<AgreedMedia> {
    const taker = this.#taken ?? (isWebRtc(answer) ? this.#browser : this.#phone);
    if (taker === null) throw new MediaError('sdp_unacceptable', 'a browser answered where none can be served');
    const agreed = await taker.accept(answer);
    this.#taken = taker;
    if (taker === this.#phone) this.dropBrowser();
    return agreed;
  }

  async answer(offer: string): Promise<Answer> {
    if (this.#taken === null) throw new MediaError('sdp_invalid', 'an offer came where ours is not answered');
    return await this.#taken.answer(offer);
  }

  /** Gives back what was held for browsers. False: a browser is who has answered. */
  dropBrowser(): boolean {
    if (this.#taken !== null && this.#taken === this.#browser) return false;
    this.#browser?.close?.();
    this.#browser = null;
    return true;
  }

  close(): void {
    this.#phone.close?.();
    this.#browser?.close?.();
  }
}
