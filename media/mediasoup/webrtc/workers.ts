/**
 * The mediasoup worker processes that terminate WebRTC, each leg in the one that has the fewest. Without a worker binary
 * WebRTC is off, and `reason` says how to turn it on.
 */
import { existsSync } from 'node:fs';
import type { types } from 'mediasoup';
import { MediaError } from '../../engine.ts';
import type { Log } from '../../worker/engine.ts';
import { WebrtcWorker } from './worker.ts';

export interface WebrtcSettings {
  /** Address on which browsers reach Earshot's media. */
  readonly address: string;
  /** Written into SDP in its place, where it is behind NAT. */
  readonly announcedAddress?: string;
  readonly ports: readonly [first: number, last: number];
  /** Path of the mediasoup-worker binary; undefined: none. */
  readonly binary?: string | undefined;
  /** Worker processes; a process is one thread. Default 1. */
  readonly processes?: number;
  readonly log: Log;
}

const HOW = 'start again with the network and apt-get at hand, or set MEDIASOUP_WORKER_BIN (see src/setup/README.md)';

export class WebrtcWorkers {
  readonly settings: WebrtcSettings;
  #workers: readonly WebrtcWorker[] = [];
  #off = 'the mediasoup worker is starting';
  #closed = false;

  constructor(settings: WebrtcSettings) {
    this.settings = settings;
  }

  get available(): boolean {
    return this.#workers.some((worker) => worker.running);
  }

  /** Why WebRTC is off, for a person; undefined while it is on. */
  get reason(): string | undefined {
    if (this.available) return undefined;
    const trouble = this.#workers.find((worker) => worker.trouble !== null)?.trouble;
    return trouble == null ? this.#off : `WebRTC is off for a moment: ${trouble}; it is started again`;
  }

  /** Process ids of the workers that run. */
  get pids(): number[] {
    return this.#workers.map((worker) => worker.pid).filter((pid) => pid !== undefined);
  }

  /** Starts the workers. Resolves in any case; `available` tells the outcome. */
  async start(): Promise<void> {
    const { binary, processes = 1, log } = this.settings;
    if (binary === undefined || !existsSync(binary)) {
      this.#off = `WebRTC is off: there is no mediasoup worker${binary === undefined ? '' : ` at ${binary}`}. To turn it on, ${HOW}`;
      log('warn', this.#off);
      return;
    }
    if (this.#closed) return;
    this.#workers = Array.from({ length: processes }, () => new WebrtcWorker(binary, log));
    await Promise.all(this.#workers.map((worker) => worker.start()));
  }

  /** @throws {MediaError} `webrtc_unavailable` */
  async createRouter(mediaCodecs: types.RouterRtpCodecCapability[]): Promise<types.Router> {
    const running = this.#workers.filter((worker) => worker.running);
    const idlest = running.toSorted((a, b) => a.routers - b.routers)[0];
    const router = await idlest?.createRouter(mediaCodecs);
    if (router == null) throw new MediaError('webrtc_unavailable', this.reason ?? 'the engine is closed');
    return router;
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    for (const worker of this.#workers) worker.close();
    this.#workers = [];
    this.#off = 'the engine is closed';
  }
}
