/**
 * One leg at work: its endpoint in the media engine and its dialog. Everything it learns is told to its call as an
 * event; everything it obtains after having been closed is released at once. `close` is idempotent.
 */
import type { Bridge, Endpoint, EndpointOptions, Playback, PlaySource } from '../../media/engine.ts';
import type { CallEvent } from '../call/events.ts';
import { detached, errorText, type Log } from './log.ts';
import {
  LegFailure,
  type Clock,
  type Dialog,
  type DialogEvents,
  type DialRequest,
  type IncomingCall,
  type ReferRequest,
  type Signalling,
} from './ports.ts';

export interface LineOwner {
  readonly log: Log;
  readonly clock: Clock;
  readonly signalling: Signalling;
  readonly bridge: Promise<Bridge>;
  post(event: CallEvent): void;
  key(leg: string, digit: string): void;
  /** Throws LegFailure to refuse. */
  refer(leg: string, refer: ReferRequest): void;
}

type Transport = NonNullable<EndpointOptions['transport']>;

export interface Dialling {
  readonly target: DialRequest['target'];
  readonly from: DialRequest['from'];
  readonly autoAnswer: boolean;
  readonly keys: boolean;
  /** What the phones to be rung speak. */
  readonly transport: Transport;
}

/** How long a transferor's phone has to hang up by itself after the last NOTIFY. */
const AFTER_REFER_MS = 1000;

const isMediaError = (error: unknown): error is Error & { code: string } =>
  error instanceof Error && error.name === 'MediaError' && 'code' in error;

export class Line {
  readonly id: string;
  readonly #owner: LineOwner;
  readonly #abort = new AbortController();
  #endpoint: Endpoint | null = null;
  #dialog: Dialog | null = null;
  #incoming: IncomingCall | null = null;
  #media: Promise<Endpoint> | null = null;
  #answering = false;
  #closed = false;
  #refer: ReferRequest | null = null;
  #referDone = false;
  #probing = false;
  #playback: Playback | null = null;
  #placed: Promise<void> = Promise.resolve();

  constructor(id: string, owner: LineOwner) {
    this.id = id;
    this.#owner = owner;
  }

  get sipCallId(): string | null {
    return this.#dialog?.sipId.callId ?? this.#incoming?.sipCallId ?? null;
  }

  /** Resolves once the phone is being rung; rejects where the media engine has nothing for this leg. */
  get placed(): Promise<void> {
    return this.#placed;
  }

  /** An incoming call: its media first, so that nobody is rung for a call that cannot be answered. */
  receive(incoming: IncomingCall, options: { keys: boolean; begin: boolean }): void {
    this.#incoming = incoming;
    incoming.onCancel((signallingLost) => {
      if (signallingLost) this.#post({ type: 'signallingLost' });
      else this.#post({ type: 'failed', leg: this.id, status: 487, reason: 'cancelled' });
    });
    this.#media = this.#createEndpoint({
      ...(incoming.offer === null ? {} : { offer: incoming.offer }),
      signallingAddress: incoming.remoteAddress,
      keys: options.keys,
    });
    this.#media.then(
      (endpoint) => {
        if (options.begin) this.#post({ type: 'ready', codec: endpoint.negotiated?.codec ?? null });
      },
      (error: unknown) => {
        incoming.reject(rejection(error), errorText(error));
        this.#post({ type: 'mediaFailed', leg: this.id, detail: errorText(error) });
      },
    );
  }

  progress(early: boolean): void {
    if (this.#incoming === null || this.#answering || this.#closed) return;
    if (early && this.#endpoint !== null && this.#incoming.offer !== null) {
      return this.#incoming.progress(183, this.#endpoint.localSdp);
    }
    this.#incoming.progress(180);
  }

  answer(): void {
    if (this.#answering || this.#closed || this.#incoming === null || this.#media === null) return;
    this.#answering = true;
    detached(this.#owner.log, 'answer', this.#answer(this.#incoming, this.#media));
  }

  async #answer(incoming: IncomingCall, media: Promise<Endpoint>): Promise<void> {
    try {
      const endpoint = await media;
      if (this.#closed) return;
      const dialog = await incoming.answer(endpoint.localSdp);
      if (this.#closed) {
        await dialog.hangup();
        return;
      }
      this.#dialog = dialog;
      if (incoming.offer === null) await endpoint.accept(dialog.remoteSdp);
      this.#established(endpoint, dialog);
    } catch (error) {
      this.#fail(error);
    }
  }

  dial(dialling: Dialling): void {
    const placed = Promise.withResolvers<undefined>();
    this.#placed = placed.promise;
    placed.promise.catch(() => undefined); // whoever asked for the leg is told, otherwise the event is enough
    detached(this.#owner.log, 'dial', this.#dial(dialling, placed));
  }

  async #dial(dialling: Dialling, placed: PromiseWithResolvers<undefined>): Promise<void> {
    try {
      const placedCall = await this.#place(dialling, placed);
      if (placedCall === null) return;
      const { endpoint, dialog } = placedCall;
      if (this.#closed) {
        await dialog.hangup();
        return;
      }
      this.#dialog = dialog;
      await endpoint.accept(dialog.remoteSdp);
      this.#established(endpoint, dialog);
    } catch (error) {
      placed.reject(error);
      this.#fail(error);
    }
  }

  /** Null where the line was closed before there was anything to cancel. */
  async #place(
    dialling: Dialling,
    placed: PromiseWithResolvers<undefined>,
  ): Promise<{ endpoint: Endpoint; dialog: Dialog } | null> {
    const { target, from, autoAnswer, keys, transport } = dialling;
    const endpoint = await this.#createEndpoint({ keys, transport });
    if (this.#closed) {
      placed.resolve(undefined);
      return null;
    }
    const answered = this.#owner.signalling.dial({
      target,
      from,
      offers: endpoint.offers,
      autoAnswer,
      signal: this.#abort.signal,
      onProgress: (status, sdp) => this.#progressed(endpoint, sdp),
    });
    placed.resolve(undefined);
    return { endpoint, dialog: await answered };
  }

  #progressed(endpoint: Endpoint, sdp: string | null): void {
    if (this.#closed || this.#dialog !== null) return;
    if (sdp === null) return this.#post({ type: 'progress', leg: this.id, early: false });
    endpoint.accept(sdp).then(
      () => this.#post({ type: 'progress', leg: this.id, early: true }),
      () => this.#post({ type: 'progress', leg: this.id, early: false }),
    );
  }

  #established(endpoint: Endpoint, dialog: Dialog): void {
    if (this.#closed) return;
    const { negotiated } = endpoint;
    this.#post({ type: 'answered', leg: this.id, codec: negotiated?.codec ?? null });
    this.#tellDirection(endpoint);
    dialog.bind(this.#events(endpoint));
  }

  #events(endpoint: Endpoint): DialogEvents {
    return {
      onBye: (reason, signallingLost) => {
        this.#post(signallingLost ? { type: 'signallingLost' } : { type: 'gone', leg: this.id, reason });
      },
      onOffer: async (sdp) => {
        const answer = await this.#negotiate(() => endpoint.answer(sdp));
        this.#tellDirection(endpoint);
        return answer;
      },
      onOfferRequest: () => this.#negotiate(() => endpoint.offer()),
      onAnswer: async (sdp) => {
        await this.#negotiate(() => endpoint.accept(sdp));
        this.#tellDirection(endpoint);
      },
      onDtmf: (digit) => {
        if (!this.#closed) this.#owner.key(this.id, digit);
      },
      onRefer: (refer) => {
        if (this.#closed) return Promise.reject(new LegFailure(481, 'Call Does Not Exist'));
        if (this.#refer !== null && !this.#referDone) return Promise.reject(new LegFailure(491, 'Request Pending'));
        this.#refer = refer;
        this.#referDone = false;
        try {
          this.#owner.refer(this.id, refer);
          return Promise.resolve();
        } catch (error) {
          this.#refer = null;
          return Promise.reject(error instanceof Error ? error : new Error(String(error)));
        }
      },
    };
  }

  async #negotiate<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new LegFailure(481, 'Call Does Not Exist');
    try {
      return await work();
    } catch (error) {
      throw new LegFailure(rejection(error), errorText(error));
    }
  }

  /** Hold and resume by the phone: what its last offer or answer said (RFC 3264 section 8.4). */
  #tellDirection(endpoint: Endpoint): void {
    const { negotiated } = endpoint;
    if (negotiated === null) return;
    const holding = negotiated.direction === 'sendonly' || negotiated.direction === 'inactive';
    this.#post({ type: 'media', leg: this.id, holding, codec: negotiated.codec });
  }

  referDone(status: number, reason: string): void {
    if (this.#refer === null || this.#referDone) return;
    this.#referDone = true;
    this.#refer.progress(status, reason, true);
  }

  /**
   * Nothing is heard of the phone: asks whether it is still there (RFC 5057 section 5.1: 408 and 481 end the dialog). A
   * phone that has lost its power would hold the call, and a supervisor's the agent, for ever (R-EXCL-5).
   */
  probe(): void {
    const dialog = this.#dialog;
    if (dialog === null || this.#closed || this.#probing) return;
    this.#probing = true;
    dialog.request('OPTIONS').then(
      (status) => {
        this.#probing = false;
        if (status === 408 || status === 481) this.#post({ type: 'gone', leg: this.id, reason: 'lost' });
      },
      (error: unknown) => {
        this.#probing = false;
        this.#post({ type: 'gone', leg: this.id, reason: `lost: ${errorText(error)}` });
      },
    );
  }

  /** Plays something into this leg in place of what is being played; null stops it. */
  play(source: PlaySource | null): void {
    this.#playback?.stop();
    this.#playback = source === null || this.#endpoint === null ? null : this.#endpoint.play(source);
  }

  close(status: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    const { log, clock } = this.#owner;
    const dialog = this.#dialog;
    this.#abort.abort();
    if (dialog === null) this.#incoming?.reject(status, reason);
    else if (this.#referDone) clock.after(AFTER_REFER_MS, () => detached(log, 'hang up', dialog.hangup(reason)));
    else detached(log, 'hang up', dialog.hangup(reason));
    if (this.#refer !== null) this.referDone(487, 'Request Terminated');
    if (this.#endpoint !== null) detached(log, 'close endpoint', this.#endpoint.close());
  }

  async #createEndpoint(options: {
    offer?: string;
    signallingAddress?: string;
    keys: boolean;
    transport?: Transport;
  }): Promise<Endpoint> {
    const bridge = await this.#owner.bridge;
    const endpoint = await bridge.createEndpoint({
      id: this.id,
      ...(options.offer === undefined ? {} : { offer: options.offer }),
      ...(options.signallingAddress === undefined ? {} : { signallingAddress: options.signallingAddress }),
      ...(options.transport === undefined ? {} : { transport: options.transport }),
      dtmf: options.keys ? 'collect' : 'pass',
    });
    if (this.#closed) await endpoint.close();
    else this.#endpoint = endpoint;
    return endpoint;
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    if (error instanceof LegFailure) {
      return this.#post({ type: 'failed', leg: this.id, status: error.status, reason: error.reason });
    }
    if (!isMediaError(error)) this.#owner.log('error', `leg ${this.id}: ${errorText(error)}`);
    this.#post({ type: 'mediaFailed', leg: this.id, detail: errorText(error) });
  }

  #post(event: CallEvent): void {
    if (!this.#closed) this.#owner.post(event);
  }
}

/** The SIP status for a description or an engine that cannot be served. */
function rejection(error: unknown): number {
  if (!isMediaError(error)) return 500;
  return error.code === 'sdp_invalid' || error.code === 'sdp_unacceptable' ? 488 : 503;
}
