/**
 * The main thread's end of one leg in a media thread: an RTP stream each way, its ports, what is played into it. Knows
 * nothing of SDP: a leg of any kind of peer is one of these.
 */
import { randomBytes } from 'node:crypto';
import type { EndpointStats } from '../engine.ts';
import type { AgreedMedia } from '../sdp/session.ts';
import { CommandError } from './handle.ts';
import type { ThreadHandle } from './handle.ts';
import type { PortAllocator } from './ports.ts';
import type { OpenLeg, Playable } from './protocol.ts';

export class LegHandle {
  readonly number: number;
  readonly port: number;
  readonly ssrc: number;
  readonly #thread: ThreadHandle;
  readonly #ports: PortAllocator;
  #closed = false;

  constructor(number: number, port: number, ssrc: number, thread: ThreadHandle, ports: PortAllocator) {
    this.number = number;
    this.port = port;
    this.ssrc = ssrc;
    this.#thread = thread;
    this.#ports = ports;
  }

  /** @throws CommandError `port_busy`, `gone`; MediaError `engine_lost`. The port is given back then. */
  async open(
    bridge: number,
    options: Pick<OpenLeg, 'id' | 'passEvents' | 'signallingAddress' | 'opus'>,
  ): Promise<void> {
    try {
      await this.#thread.request({
        type: 'openLeg',
        bridge,
        leg: this.number,
        port: this.port,
        ssrc: this.ssrc,
        cname: randomBytes(12).toString('base64url'), // RFC 7022: short-term, tells nothing
        ...options,
      });
    } catch (error) {
      const busy = error instanceof CommandError && error.failure === 'port_busy';
      if (busy) this.#ports.busy(this.port, Date.now());
      else this.#ports.give(this.port, Date.now());
      this.#closed = true;
      throw error;
    }
  }

  async configure(media: AgreedMedia): Promise<void> {
    await this.#thread.request({ type: 'configureLeg', leg: this.number, media });
  }

  async play(playback: number, what: Playable): Promise<void> {
    await this.#thread.request({ type: 'play', leg: this.number, playback, what });
  }

  async stopPlaying(playback: number): Promise<void> {
    await this.#thread.request({ type: 'stopPlaying', leg: this.number, playback });
  }

  stats(): Promise<EndpointStats> {
    return this.#thread.request({ type: 'legStats', leg: this.number });
  }

  /** Idempotent. Resolves when the sockets are closed; never rejects. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.#thread.request({ type: 'closeLeg', leg: this.number });
    } catch {
      // the thread is gone, and the sockets with it
    } finally {
      this.#ports.give(this.port, Date.now());
    }
  }

  /** The thread has died. */
  lost(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ports.give(this.port, Date.now());
  }
}
