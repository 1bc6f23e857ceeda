/** The embedded engine: bridges over the media threads, RTP ports, sounds. Implements the port of media/engine.ts. */
import { randomInt } from 'node:crypto';
import { MediaError } from '../engine.ts';
import type { Bridge, BridgeEvents, MediaEngine } from '../engine.ts';
import type { AnyCodecName } from '../codec/codecs.ts';
import { EmbeddedBridge } from './bridge.ts';
import type { ThreadHandle } from './handle.ts';
import type { Negotiation } from '../sdp/session.ts';
import { ThreadPool } from './pool.ts';
import type { ThreadEvent } from './pool.ts';
import { PortAllocator } from './ports.ts';
import type { ThreadOptions, ThreadStats } from './protocol.ts';
import type { SoundCache } from './sounds.ts';

export type Log = (
  level: 'info' | 'warn' | 'error',
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;

/** What bridges and endpoints share. */
export interface EngineContext {
  /** Address that sockets are bound to. */
  readonly address: string;
  /** As the peers are told it. */
  readonly announcedAddress: string;
  readonly codecs: readonly AnyCodecName[];
  readonly ports: PortAllocator;
  readonly sounds: SoundCache;
  readonly log: Log;
  /** A number that was never used for a bridge, a leg or a playback. */
  readonly nextNumber: () => number;
  readonly webrtc: WebrtcTerminator;
}

/** Where the media thread keeps a leg's socket: RTP and RTCP on one port, and what it sends with. */
export interface ThreadEnd {
  readonly address: string;
  readonly port: number;
  readonly ssrc: number;
}

/** Ends WebRTC legs, which cross to the media threads as RTP. */
export interface WebrtcTerminator {
  readonly available: boolean;
  /** Why it is not available, and how to make it so. */
  readonly reason: string | undefined;
  /** `onLost`: the leg is gone through no fault of its peer; called at most once. */
  negotiate(end: ThreadEnd, onLost: (error: MediaError) => void): Negotiation;
  /** Idempotent. */
  close(): void;
}

export interface EmbeddedEngineOptions {
  readonly threads: number;
  readonly thread: ThreadOptions;
  readonly announcedAddress: string;
  readonly codecs: readonly AnyCodecName[];
  readonly rtpPorts: readonly [number, number];
  readonly sounds: SoundCache;
  readonly log: Log;
  readonly webrtc: WebrtcTerminator;
}

export class EmbeddedEngine implements MediaEngine {
  readonly name = 'mediasoup';
  readonly #context: EngineContext;
  readonly #pool: ThreadPool;
  readonly #bridges = new Map<number, { readonly bridge: EmbeddedBridge; readonly thread: ThreadHandle }>();
  #number = 0;
  #closed = false;

  constructor(options: EmbeddedEngineOptions) {
    const [low, high] = options.rtpPorts;
    const pairs = Math.floor((high - low + 1) / 2);
    this.#context = {
      ...options,
      address: options.thread.address,
      // A random start, so that the ports of a call cannot be told beforehand.
      ports: new PortAllocator(low, high, pairs > 1 ? randomInt(pairs) : 0),
      nextNumber: () => ++this.#number,
    };
    this.#pool = new ThreadPool(options.threads, options.thread, {
      onEvent: (thread, event) => this.#dispatch(thread, event),
      onLost: (thread, error) => this.#threadLost(thread, error),
    });
  }

  get webrtc(): MediaEngine['webrtc'] {
    const { available, reason } = this.#context.webrtc;
    return { available, ...(reason === undefined ? {} : { reason }) };
  }

  /** Resolves when the media threads run. @throws MediaError `engine_lost` */
  ready(): Promise<void> {
    return this.#pool.ready();
  }

  async createBridge(callId: string, events: BridgeEvents): Promise<Bridge> {
    if (this.#closed) throw new MediaError('closed', 'the media engine is closed');
    const thread = this.#pool.pick();
    const number = this.#context.nextNumber();
    const bridge = new EmbeddedBridge(callId, number, thread, this.#context, events, () => this.#forget(number));
    this.#bridges.set(number, { bridge, thread });
    thread.load++;
    try {
      await thread.request({ type: 'createBridge', bridge: number });
    } catch (error) {
      await bridge.close();
      throw error;
    }
    return bridge;
  }

  /** What the media threads do: mixing steps, late ones, CPU. */
  threadStats(): Promise<ThreadStats[]> {
    return this.#pool.stats();
  }

  /** Idempotent; closes every bridge. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      await Promise.all([...this.#bridges.values()].map(({ bridge }) => bridge.close()));
    }
    this.#context.webrtc.close();
    await this.#pool.close();
  }

  #forget(number: number): void {
    const entry = this.#bridges.get(number);
    if (entry === undefined) return;
    this.#bridges.delete(number);
    entry.thread.load--;
  }

  #dispatch(thread: ThreadHandle, event: ThreadEvent): void {
    if (event.type === 'levels') {
      this.#bridges.get(event.bridge)?.bridge.handle(event);
      return;
    }
    for (const entry of this.#bridges.values()) {
      if (entry.thread === thread && entry.bridge.owns(event.leg)) {
        entry.bridge.handle(event);
        return;
      }
    }
  }

  #threadLost(thread: ThreadHandle, error: MediaError): void {
    const lost = [...this.#bridges.values()].filter((entry) => entry.thread === thread);
    this.#context.log('error', 'a media thread has died', { calls: lost.length, reason: error.message });
    for (const { bridge } of lost) bridge.lost(error);
  }
}
