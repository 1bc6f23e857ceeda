/** A leg: offer and answer on this side, RTP in the media thread. */
import { MediaError } from '../engine.ts';
import type { Endpoint, EndpointStats, Negotiated, Offers, Playback, PlaySource } from '../engine.ts';
import type { AgreedMedia, Negotiation } from '../sdp/session.ts';
import type { EngineContext } from './engine.ts';
import { CommandError } from './handle.ts';
import type { LegHandle } from './leg-handle.ts';
import type { Playable } from './protocol.ts';

export class RtpEndpoint implements Endpoint {
  readonly id: string;
  readonly #leg: LegHandle;
  readonly #sdp: Negotiation;
  readonly #context: EngineContext;
  readonly #onClosed: () => void;
  readonly #playbacks = new Map<number, () => void>();
  #closed: Promise<void> | null = null;

  constructor(id: string, leg: LegHandle, sdp: Negotiation, context: EngineContext, onClosed: () => void) {
    this.id = id;
    this.#leg = leg;
    this.#context = context;
    this.#onClosed = onClosed;
    this.#sdp = sdp;
  }

  /** Answers the offer, or makes one. @throws MediaError */
  async begin(offer: string | undefined): Promise<void> {
    if (offer === undefined) await this.#sdp.offer();
    else await this.answer(offer);
  }

  get localSdp(): string {
    return this.#sdp.text;
  }

  get offers(): Offers {
    return this.#sdp.offers;
  }

  get negotiated(): Negotiated | null {
    return this.#sdp.agreed?.negotiated ?? null;
  }

  async accept(answer: string): Promise<void> {
    this.#assertOpen();
    await this.#configure(await this.#sdp.accept(answer));
  }

  async answer(offer: string): Promise<string> {
    this.#assertOpen();
    const { text, agreed } = await this.#sdp.answer(offer);
    await this.#configure(agreed);
    return text;
  }

  async offer(): Promise<string> {
    this.#assertOpen();
    return await this.#sdp.offer();
  }

  play(source: PlaySource): Playback {
    const number = this.#context.nextNumber();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    if (this.#closed !== null) {
      resolve(undefined);
      return { done: promise, stop: () => undefined };
    }
    this.#playbacks.set(number, () => resolve(undefined));
    this.#start(number, source).catch((error: unknown) => {
      if (this.#closed === null) {
        this.#context.log('warn', 'cannot play', { endpoint: this.id, reason: String(error) });
      }
      this.played(number);
    });
    return { done: promise, stop: () => this.#stop(number) };
  }

  async stats(): Promise<EndpointStats> {
    this.#assertOpen();
    return this.#ask(this.#leg.stats());
  }

  close(): Promise<void> {
    if (this.#closed === null) {
      this.#closed = this.#leg.close();
      this.#end();
    }
    return this.#closed;
  }

  /** A playback has come to its end. */
  played(number: number): void {
    const done = this.#playbacks.get(number);
    this.#playbacks.delete(number);
    done?.();
  }

  /** The media thread has died. */
  lost(): void {
    if (this.#closed !== null) return;
    this.#leg.lost();
    this.#closed = Promise.resolve();
    this.#end();
  }

  #end(): void {
    this.#sdp.close?.();
    for (const number of [...this.#playbacks.keys()]) this.played(number);
    this.#onClosed();
  }

  async #start(number: number, source: PlaySource): Promise<void> {
    const what = await this.#playable(source);
    if (!this.#playbacks.has(number)) return; // stopped meanwhile
    await this.#leg.play(number, what);
  }

  async #playable(source: PlaySource): Promise<Playable> {
    if (source.kind === 'file') {
      return { kind: 'clip', samples: await this.#context.sounds.load(source.path), loop: source.loop ?? false };
    }
    const { hz, onMs, offMs = 0, loop = false } = source;
    const steps = [
      { hz, ms: onMs },
      { hz: [], ms: offMs },
    ];
    if (!steps.every(({ ms }) => ms >= 0 && ms <= 3_600_000)) throw new RangeError('onMs and offMs: 0 to 3,600,000');
    return { kind: 'tone', cadence: { steps, loop } };
  }

  #stop(number: number): void {
    if (!this.#playbacks.has(number)) return;
    this.played(number);
    this.#leg.stopPlaying(number).catch((error: unknown) => {
      if (this.#closed === null) this.#context.log('warn', 'cannot stop playing', { reason: String(error) });
    });
  }

  async #configure(agreed: AgreedMedia): Promise<void> {
    await this.#ask(this.#leg.configure(agreed));
    this.#assertOpen();
  }

  async #ask<T>(asked: Promise<T>): Promise<T> {
    try {
      return await asked;
    } catch (error) {
      throw error instanceof CommandError
        ? new MediaError('closed', 'the endpoint is closed', { cause: error })
        : error;
    }
  }

  #assertOpen(): void {
    if (this.#closed !== null) throw new MediaError('closed', 'the endpoint is closed');
  }
}
