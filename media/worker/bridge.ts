/** One call's audio as the rest of Earshot sees it: endpoints by id, all in one media thread. */
import { randomInt } from 'node:crypto';
import { MediaError } from '../engine.ts';
import type { Bridge, BridgeEvents, Endpoint, EndpointOptions, EngineMatrix, PeerKind } from '../engine.ts';
import { EitherSession } from '../sdp/either.ts';
import { isWebRtc, parseRemote } from '../sdp/remote.ts';
import { SdpSession } from '../sdp/session.ts';
import type { Negotiation } from '../sdp/session.ts';
import { RtpEndpoint } from './endpoint.ts';
import type { EngineContext } from './engine.ts';
import { CommandError } from './handle.ts';
import type { ThreadHandle } from './handle.ts';
import { LegHandle } from './leg-handle.ts';
import type { ThreadEvent } from './pool.ts';

export class EmbeddedBridge implements Bridge {
  readonly callId: string;
  readonly #number: number;
  readonly #thread: ThreadHandle;
  readonly #context: EngineContext;
  readonly #events: BridgeEvents;
  readonly #onClosed: () => void;
  /** By id. null: being made. */
  readonly #endpoints = new Map<string, RtpEndpoint | null>();
  readonly #byLeg = new Map<number, RtpEndpoint>();
  #closed = false;

  constructor(
    callId: string,
    number: number,
    thread: ThreadHandle,
    context: EngineContext,
    events: BridgeEvents,
    onClosed: () => void,
  ) {
    this.callId = callId;
    this.#number = number;
    this.#thread = thread;
    this.#context = context;
    this.#events = events;
    this.#onClosed = onClosed;
  }

  async createEndpoint(options: EndpointOptions): Promise<Endpoint> {
    this.#assertOpen();
    const { webrtc } = this.#context;
    const kind = kindOf(options, webrtc.available);
    if (kind === 'webrtc' && !webrtc.available) {
      throw new MediaError('webrtc_unavailable', webrtc.reason ?? 'WebRTC legs cannot be served');
    }
    if (this.#endpoints.has(options.id)) throw new TypeError(`the bridge has an endpoint ${options.id} already`);
    if (options.offer !== undefined && kind === 'rtp') parseRemote(options.offer); // before anything is taken for it
    this.#endpoints.set(options.id, null);
    try {
      const leg = await this.#openLeg(options);
      const sdp = kind === 'rtp' ? this.#phone(leg) : kind === 'webrtc' ? this.#browser(leg) : this.#either(leg);
      const endpoint = new RtpEndpoint(options.id, leg, sdp, this.#context, () => this.#forget(options.id, leg.number));
      this.#endpoints.set(options.id, endpoint);
      this.#byLeg.set(leg.number, endpoint);
      try {
        this.#assertOpen();
        await endpoint.begin(options.offer);
      } catch (error) {
        await endpoint.close();
        throw error;
      }
      return endpoint;
    } catch (error) {
      if (this.#endpoints.get(options.id) === null) this.#endpoints.delete(options.id);
      throw error instanceof CommandError ? new MediaError('closed', 'the bridge is closed', { cause: error }) : error;
    }
  }

  async applyMatrix(matrix: EngineMatrix, version: number): Promise<void> {
    this.#assertOpen();
    await this.#request({
      type: 'applyMatrix',
      bridge: this.#number,
      rows: [...matrix].map(([listener, sources]) => [listener, [...sources]] as const),
      version,
    });
  }

  watchLevels(on: boolean): void {
    if (this.#closed) return;
    this.#request({ type: 'watchLevels', bridge: this.#number, on }).catch((error: unknown) => this.#ignore(error));
  }

  /** Idempotent; the endpoints are closed with it. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const closing = this.#request({ type: 'closeBridge', bridge: this.#number }).catch((error: unknown) =>
      this.#ignore(error),
    );
    await Promise.all([...this.#byLeg.values()].map((endpoint) => endpoint.close()));
    await closing;
    this.#onClosed();
  }

  owns(leg: number): boolean {
    return this.#byLeg.has(leg);
  }

  /** Something happened in the thread. */
  handle(event: ThreadEvent): void {
    if (this.#closed) return;
    if (event.type === 'levels') {
      this.#events.onLevels(event.levels);
      return;
    }
    const endpoint = this.#byLeg.get(event.leg);
    if (endpoint === undefined) return;
    if (event.type === 'digit') this.#events.onDtmf(endpoint.id, event.digit);
    else if (event.type === 'silence') this.#events.onSilence(endpoint.id, event.seconds);
    else endpoint.played(event.playback);
  }

  /** The thread has died. */
  lost(error: MediaError): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const endpoint of [...this.#byLeg.values()]) endpoint.lost();
    this.#onClosed();
    this.#events.onLost(error);
  }

  #phone(leg: LegHandle): Negotiation {
    const { announcedAddress: address, codecs } = this.#context;
    return new SdpSession({ address, port: leg.port, codecs, sessionId: String(randomInt(1, 2 ** 47)) });
  }

  /** `onLost`: true where the leg can do without. */
  #browser({ port, ssrc }: LegHandle, onLost: () => boolean = () => false): Negotiation {
    return this.#context.webrtc.negotiate({ address: this.#context.address, port, ssrc }, (error) => {
      if (this.#closed || onLost()) return;
      this.close().catch((failure: unknown) => this.#ignore(failure));
      this.#events.onLost(error);
    });
  }

  #either(leg: LegHandle): Negotiation {
    const either: EitherSession = new EitherSession(
      this.#phone(leg),
      this.#browser(leg, () => either.dropBrowser()),
    );
    return either;
  }

  async #openLeg(options: EndpointOptions): Promise<LegHandle> {
    const { ports, codecs } = this.#context;
    // Ports may be held by other programs: as many tries as there are pairs.
    for (let tries = ports.size; tries > 0; tries--) {
      const port = ports.take(Date.now());
      if (port === null) break;
      const leg = new LegHandle(this.#context.nextNumber(), port, randomInt(1, 2 ** 32), this.#thread, ports);
      try {
        await leg.open(this.#number, {
          id: options.id,
          passEvents: options.dtmf !== 'collect',
          signallingAddress: options.signallingAddress ?? null,
          opus: codecs.includes('opus'),
        });
        return leg;
      } catch (error) {
        if (!(error instanceof CommandError) || error.failure === 'gone') throw error;
        if (error.failure === 'no_socket') throw new MediaError('ports_exhausted', error.message, { cause: error });
      }
    }
    throw new MediaError('ports_exhausted', 'no RTP port is free; widen media.rtpPorts');
  }

  #forget(id: string, leg: number): void {
    this.#byLeg.delete(leg);
    this.#endpoints.delete(id);
  }

  async #request(command: Parameters<ThreadHandle['request']>[0]): Promise<void> {
    try {
      await this.#thread.request(command);
    } catch (error) {
      throw error instanceof CommandError ? new MediaError('closed', 'the bridge is closed', { cause: error }) : error;
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw new MediaError('closed', 'the bridge is closed');
  }

  #ignore(error: unknown): void {
    if (!(error instanceof MediaError)) this.#context.log('error', 'a media command failed', { reason: String(error) });
  }
}

/** What the peer speaks. Where browsers cannot be served, phones of either kind are the others. */
function kindOf({ offer, transport = 'rtp' }: EndpointOptions, browsers: boolean): PeerKind | 'either' {
  if (offer !== undefined) return isWebRtc(offer) ? 'webrtc' : 'rtp';
  return transport === 'either' && !browsers ? 'rtp' : transport;
}
