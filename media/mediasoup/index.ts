/**
 * Engine 1, embedded: SIP legs end in Earshot's own RTP threads (media/worker), which forward and mix by the hear matrix.
 * WebRTC legs end in mediasoup (webrtc/) and cross to those threads by RTP, as legs like any other.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isAnyCodecName, isCodecName } from '../codec/codecs.ts';
import { RINGBACK } from '../mixer/generator.ts';
import type { Cadence } from '../mixer/generator.ts';
import { EmbeddedEngine } from '../worker/engine.ts';
import type { Log } from '../worker/engine.ts';
import { SoundCache } from '../worker/sounds.ts';
import { webrtcTerminator } from './webrtc/session.ts';
import { WebrtcWorkers } from './webrtc/workers.ts';

export type { EmbeddedEngine } from '../worker/engine.ts';

export interface MediasoupEngineOptions {
  /** Address that RTP sockets are bound to. */
  readonly address: string;
  /** Address written into SDP, where it is another one (behind NAT). */
  readonly announcedAddress?: string;
  /** First and last UDP port. */
  readonly rtpPorts: readonly [number, number];
  /**
   * Offered and accepted, the preferred one first: G.711 and, where `opus` is named, Opus. Opus is preferred to G.711 only
   * where it is the first, and never in an offer to a plain RTP peer.
   */
  readonly codecs: readonly string[];
  /** Media threads, and as many mediasoup workers. Default: one less than there are cores, at least one. */
  readonly threads?: number;
  /** Hold music: WAV, mono, 16 bit, 8 or 16 kHz. */
  readonly music?: string;
  /** Default: 425 Hz, one second on, four off. */
  readonly ringback?: Cadence;
  /** After so many seconds without a packet `onSilence` is told of a peer that should send; four times as long where it never sent any. Default 30. */
  readonly silenceSeconds?: number;
  /** Path of the mediasoup worker. Default: what MEDIASOUP_WORKER_BIN names; without one WebRTC is off. */
  readonly workerBinary?: string;
  readonly log?: Log;
}

const MUSIC = fileURLToPath(new URL('../sounds/music.wav', import.meta.url));

/** Starts the media threads. @throws where address, codecs or music cannot be used; MediaError `engine_lost` */
export async function createMediasoupEngine(options: MediasoupEngineOptions): Promise<EmbeddedEngine> {
  const codecs = options.codecs.filter(isAnyCodecName);
  if (!codecs.some(isCodecName)) throw new RangeError('media.codecs: PCMU or PCMA is wanted among them');
  await assertAddress(options.address);
  const sounds = new SoundCache();
  const music = options.music ?? MUSIC;
  const log = options.log ?? (() => undefined);
  const threads = options.threads ?? Math.max(1, availableParallelism() - 1);
  const workers = new WebrtcWorkers({
    address: options.address,
    ...(options.announcedAddress === undefined ? {} : { announcedAddress: options.announcedAddress }),
    ports: options.rtpPorts,
    binary: options.workerBinary ?? process.env['MEDIASOUP_WORKER_BIN'],
    processes: threads,
    log,
  });
  const engine = new EmbeddedEngine({
    threads,
    thread: {
      address: options.address,
      music: await sounds.load(music),
      ringback: options.ringback ?? RINGBACK,
      silenceSeconds: options.silenceSeconds ?? 30,
    },
    announcedAddress: options.announcedAddress ?? options.address,
    codecs,
    rtpPorts: options.rtpPorts,
    sounds,
    log,
    webrtc: webrtcTerminator(workers, codecs),
  });
  try {
    await Promise.all([engine.ready(), workers.start()]);
  } catch (error) {
    await engine.close();
    throw error;
  }
  return engine;
}

/** Better said now than at the first call. */
async function assertAddress(address: string): Promise<void> {
  const socket = createSocket('udp4');
  try {
    const listening = once(socket, 'listening');
    socket.bind(0, address);
    await listening;
  } catch (cause) {
    throw new Error(`media.address: ${address} is no IPv4 address of this machine`, { cause });
  } finally {
    socket.close();
  }
}
