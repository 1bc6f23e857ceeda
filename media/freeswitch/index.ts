/**
 * Engine 2: each leg a channel of FreeSWITCH, each call a conference, by drachtio-fsmrf; the hear matrix by
 * `conference relate`. A pool of servers; a call stays on the one that it began on. README.md says what it needs.
 */
import { fileURLToPath } from 'node:url';
import { MediaError } from '../engine.ts';
import type { Bridge, BridgeEvents, MediaEngine, PlaySource } from '../engine.ts';
import { FsBridge } from './bridge.ts';
import type { BridgeContext } from './bridge.ts';
import type { FreeSwitchAddress } from './probe.ts';
import { FreeSwitch } from './server.ts';
import type { Log, SipCaller } from './server.ts';
import { RINGBACK } from './sounds.ts';

export type { SipCaller } from './server.ts';

export interface FreeSwitchEngineOptions {
  readonly servers: readonly FreeSwitchAddress[];
  /** Places the calls from Earshot to FreeSWITCH. */
  readonly sip: SipCaller;
  /** Offered and accepted, the preferred one first. Others than PCMU and PCMA are left out. */
  readonly codecs: readonly string[];
  /** Hold music: a path that FreeSWITCH can read. */
  readonly music?: string;
  /** After so many seconds without a packet `onSilence` is told of a peer that should send. Default 10. */
  readonly silenceSeconds?: number;
  /** Where Earshot is killed or cut off, its calls on a FreeSWITCH end after so many seconds. Default 60. */
  readonly leaseSeconds?: number;
  readonly log?: Log;
}

const MUSIC = fileURLToPath(new URL('../sounds/music.wav', import.meta.url));
const WEBRTC_REASON =
  'the engine freeswitch serves SIP phones only; for softphones in browsers set media.engine to mediasoup';

/** Resolves when each server has been tried once; those that are not up are tried again and again. @throws RangeError */
export async function createFreeSwitchEngine(options: FreeSwitchEngineOptions): Promise<FreeSwitchEngine> {
  const engine = new FreeSwitchEngine(options);
  await engine.start();
  return engine;
}

export class FreeSwitchEngine implements MediaEngine {
  readonly name = 'freeswitch';
  readonly webrtc = { available: false, reason: WEBRTC_REASON };
  readonly #servers: readonly FreeSwitch[];
  readonly #context: BridgeContext;
  readonly #bridges = new Set<FsBridge>();
  #closed = false;

  constructor({
    servers,
    sip,
    codecs: wanted,
    music = MUSIC,
    silenceSeconds = 10,
    leaseSeconds = 60,
    log: given,
  }: FreeSwitchEngineOptions) {
    const log = given ?? (() => undefined);
    const codecs = wanted.filter((name) => name === 'PCMU' || name === 'PCMA');
    if (codecs.length === 0) throw new RangeError('media.codecs: PCMU or PCMA is wanted among them');
    if (servers.length === 0) throw new RangeError('media.freeswitch: at least one server is wanted');
    this.#servers = servers.map((address) => new FreeSwitch({ address, sip, log, leaseSeconds }));
    const hold: PlaySource = { kind: 'file', path: music, loop: true };
    this.#context = {
      codecs,
      sounds: { music: hold, ringback: RINGBACK },
      silenceSeconds,
      webrtcReason: WEBRTC_REASON,
      log,
      onClosed: (bridge) => this.#bridges.delete(bridge),
    };
  }

  async start(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.start()));
  }

  /** The servers and how they are: for health and metrics. */
  servers(): readonly { readonly name: string; readonly up: boolean; readonly calls: number }[] {
    return this.#servers.map(({ name, isUp, load }) => ({ name, up: isUp, calls: load }));
  }

  /** On the server with the fewest calls of those that are up. */
  createBridge(callId: string, events: BridgeEvents): Promise<Bridge> {
    if (this.#closed) return Promise.reject(new MediaError('closed', 'the media engine is closed'));
    const [server] = this.#servers.filter(({ isUp }) => isUp).sort((a, b) => a.load - b.load);
    if (server === undefined) {
      const faults = this.#servers.map(({ name, fault }) => `${name}: ${fault}`).join('; ');
      return Promise.reject(new MediaError('engine_lost', `no FreeSWITCH is up (${faults})`));
    }
    const bridge = new FsBridge(callId, server, this.#context, events);
    this.#bridges.add(bridge);
    return Promise.resolve(bridge);
  }

  /** Idempotent; closes every bridge. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([...this.#bridges].map((bridge) => bridge.close()));
    for (const server of this.#servers) server.close();
  }
}
