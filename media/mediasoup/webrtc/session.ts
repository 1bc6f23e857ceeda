/** Offer and answer with one browser, over the WebRTC leg that the first exchange brings into being. */
import { MediaError, type Offers } from '../../engine.ts';
import type { AgreedMedia, Answer, Negotiation } from '../../sdp/session.ts';
import type { ThreadEnd, WebrtcTerminator } from '../../worker/engine.ts';
import { SHAPES, type WebrtcCodec } from './description.ts';
import { WebrtcLeg } from './leg.ts';
import type { WebrtcWorkers } from './workers.ts';

/** What the embedded engine ends WebRTC legs with. */
export function webrtcTerminator(workers: WebrtcWorkers, codecs: readonly string[]): WebrtcTerminator {
  const known = codecs.filter((name): name is WebrtcCodec => Object.hasOwn(SHAPES, name));
  return {
    get available() {
      return workers.available;
    },
    get reason() {
      return workers.reason;
    },
    negotiate: (end, onLost) => new WebrtcSession(workers, known, end, onLost),
    close: () => workers.close(),
  };
}

class WebrtcSession implements Negotiation {
  readonly #workers: WebrtcWorkers;
  readonly #codecs: readonly WebrtcCodec[];
  readonly #end: ThreadEnd;
  readonly #onLost: (error: MediaError) => void;
  #leg: WebrtcLeg | null = null;
  #closed = false;

  constructor(
    workers: WebrtcWorkers,
    codecs: readonly WebrtcCodec[],
    end: ThreadEnd,
    onLost: (error: MediaError) => void,
  ) {
    this.#workers = workers;
    this.#codecs = codecs;
    this.#end = end;
    this.#onLost = onLost;
  }

  get text(): string {
    return this.#leg?.localSdp ?? '';
  }

  get offers(): Offers {
    return { webrtc: this.text };
  }

  get agreed(): AgreedMedia | null {
    return this.#leg?.agreed ?? null;
  }

  async answer(offer: string): Promise<Answer> {
    if (this.#leg === null) await this.#create(offer);
    else await this.#leg.answer(offer);
    return { text: this.text, agreed: this.#outcome() };
  }

  async offer(): Promise<string> {
    if (this.#leg === null) await this.#create();
    else this.#leg.offer();
    return this.text;
  }

  async accept(answer: string): Promise<AgreedMedia> {
    if (this.#leg === null) throw new MediaError('sdp_invalid', 'an answer came where nothing was offered');
    await this.#leg.accept(answer);
    return this.#outcome();
  }

  close(): void {
    this.#closed = true;
    this.#leg?.close();
  }

  #outcome(): AgreedMedia {
    const { agreed } = this;
    if (agreed === null) throw new MediaError('closed', 'the WebRTC leg is closed');
    return agreed;
  }

  async #create(offer?: string): Promise<void> {
    const leg = await WebrtcLeg.create({
      workers: this.#workers,
      codecs: this.#codecs,
      thread: this.#end,
      onLost: this.#onLost,
      ...(offer === undefined ? {} : { offer }),
    });
    if (this.#closed) {
      leg.close();
      throw new MediaError('closed', 'the endpoint is closed');
    }
    this.#leg = leg;
  }
}
