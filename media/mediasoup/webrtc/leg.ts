/**
 * One WebRTC leg: a WebRtcTransport towards the browser and a PlainTransport towards the leg's socket in the RTP thread, with
 * one producer and one consumer each way between them. It mixes nothing and decides nothing.
 *
 * mediasoup has to know the SSRC of what it receives beforehand: the browser tells its own in the SDP (or is known by its
 * mid), and the thread's is ours to tell.
 */
import type { types } from 'mediasoup';
import { MediaError, type Direction } from '../../engine.ts';
import type { AgreedMedia } from '../../sdp/session.ts';
import { agreed, OWN_EVENTS, ownCodecs, parameters, type Events } from './codecs.ts';
import { compose, type Local } from './compose.ts';
import {
  MID_EXTENSION,
  readPeer,
  SHAPES,
  type Peer,
  type PeerCodec,
  type Setup,
  type WebrtcCodec,
} from './description.ts';
import type { WebrtcWorkers } from './workers.ts';

export interface WebrtcLegOptions {
  readonly workers: WebrtcWorkers;
  /** What may be agreed, the preferred one first. */
  readonly codecs: readonly WebrtcCodec[];
  /** The leg's socket in the RTP thread (RTCP on the same port), and the SSRC that it sends with. */
  readonly thread: { readonly address: string; readonly port: number; readonly ssrc: number };
  /** The browser's offer; absent: Earshot makes it. */
  readonly offer?: string;
  /** The worker died; the leg is closed. Called at most once. */
  readonly onLost: (error: MediaError) => void;
}

const SENDS: readonly Direction[] = ['sendrecv', 'sendonly'];

const MIRROR: Readonly<Record<Direction, Direction>> = {
  sendrecv: 'sendrecv',
  sendonly: 'recvonly',
  recvonly: 'sendonly',
  inactive: 'inactive',
};

export class WebrtcLeg {
  readonly #options: WebrtcLegOptions;
  readonly #router: types.Router;
  readonly #transport: types.WebRtcTransport;
  readonly #plain: types.PlainTransport;
  readonly #codecs: readonly PeerCodec[]; // what the router knows
  readonly #events: Events;
  readonly #sessionId = Math.floor(Math.random() * 2 ** 48);
  #version = 0;
  #written = ''; // the description without its version
  #localSdp = '';
  #peer: Peer | null = null;
  #setup: Setup = 'actpass';
  #incoming: types.Producer | null = null;
  #outgoing: types.Consumer | null = null;
  #closed = false;

  private constructor(
    options: WebrtcLegOptions,
    parts: { router: types.Router; transport: types.WebRtcTransport; plain: types.PlainTransport },
    codecs: readonly PeerCodec[],
    events: Events,
  ) {
    this.#options = options;
    this.#router = parts.router;
    this.#transport = parts.transport;
    this.#plain = parts.plain;
    this.#codecs = codecs;
    this.#events = events;
    parts.router.on('workerclose', () => {
      if (this.#closed) return;
      this.#closed = true;
      options.onLost(new MediaError('engine_lost', 'the mediasoup worker died'));
    });
  }

  /**
   * Takes the browser's offer (its answer is `localSdp` then) or makes one.
   * @throws {MediaError} `webrtc_unavailable`, `sdp_invalid`, `sdp_unacceptable`, `ports_exhausted`, `engine_lost`
   */
  static async create(options: WebrtcLegOptions): Promise<WebrtcLeg> {
    const peer = options.offer === undefined ? null : readPeer(options.offer);
    const codecs = peer === null ? ownCodecs(options.codecs) : agreed(options.codecs, peer);
    const rates = new Set(codecs.map(({ name }) => SHAPES[name].clockRate));
    const events = new Map([...(peer?.events ?? OWN_EVENTS)].filter(([rate]) => rates.has(rate)));
    const { workers, thread } = options;
    const router = await workers.createRouter(
      parameters(codecs, events).map(({ payloadType, ...codec }) => ({
        kind: 'audio',
        preferredPayloadType: payloadType,
        ...codec,
      })),
    );
    try {
      const leg = new WebrtcLeg(options, await transports(router, workers, thread), codecs, events);
      await leg.#sendToBrowser();
      if (peer === null) leg.#describe();
      else await leg.#takeOffer(peer);
      return leg;
    } catch (error) {
      router.close();
      throw asMediaError(error);
    }
  }

  get localSdp(): string {
    return this.#localSdp;
  }

  /** What the leg's socket in the RTP thread sends and receives, anew after every exchange; null before the first. */
  get agreed(): AgreedMedia | null {
    const peer = this.#peer;
    if (peer === null) return null;
    const codecs = this.#common(peer);
    const event = this.#eventOf(peer);
    const { localAddress, localPort } = this.#plain.tuple;
    const [first] = codecs;
    return {
      negotiated: {
        codec: first!.name,
        direction: peer.direction,
        address: peer.address,
        port: peer.port,
        ptime: peer.ptime,
        dtmf: event !== null,
      },
      remote: { address: localAddress, port: localPort, rtcpPort: localPort },
      rtcpMux: true,
      eventRate: SHAPES[first!.name].clockRate,
      receive: !SENDS.includes(peer.direction)
        ? []
        : [
            ...codecs.map(({ name, payloadType }) => [payloadType, name] as const),
            ...(event === null ? [] : [[event, 'event'] as const]),
          ],
      send: !SENDS.includes(MIRROR[peer.direction])
        ? null
        : { codec: first!.name, payloadType: first!.payloadType, eventPayloadType: event ?? -1 },
    };
  }

  /** The browser's answer to our offer; again for a provisional and a final one. */
  async accept(answer: string): Promise<void> {
    this.#guard();
    const peer = readPeer(answer);
    this.#common(peer);
    if (peer.setup === 'actpass') throw new MediaError('sdp_unacceptable', 'an answer chooses its DTLS role');
    try {
      await this.#connect(peer, peer.setup === 'active' ? 'client' : 'server');
      this.#setup = peer.setup === 'active' ? 'passive' : 'active';
      await this.#receiveFrom(peer);
    } catch (error) {
      throw asMediaError(error);
    }
  }

  /** The browser's new offer (hold, resume, ICE restart): resolves with our answer. */
  async answer(offer: string): Promise<string> {
    this.#guard();
    const peer = readPeer(offer);
    this.#common(peer);
    try {
      await this.#takeOffer(peer);
    } catch (error) {
      throw asMediaError(error);
    }
    return this.#localSdp;
  }

  /** An offer of our own in an established session. */
  offer(): string {
    this.#guard();
    this.#describe();
    return this.#localSdp;
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#router.close();
  }

  #guard(): void {
    if (this.#closed) throw new MediaError('closed', 'the WebRTC leg is closed');
  }

  /** Codecs that both know, in our order, by the payload types in use, all of one clock. */
  #common(peer: Peer): PeerCodec[] {
    const names = agreed(
      this.#codecs.map(({ name }) => name),
      peer,
    ).map(({ name }) => name);
    return this.#codecs.filter(({ name }) => names.includes(name));
  }

  #eventOf(peer: Peer): number | null {
    const rate = SHAPES[this.#common(peer)[0]!.name].clockRate;
    return peer.events.has(rate) ? (this.#events.get(rate) ?? null) : null;
  }

  async #takeOffer(peer: Peer): Promise<void> {
    const restarted = this.#peer !== null && this.#peer.iceUfrag !== peer.iceUfrag;
    // A browser that offers both roles is let be the client: its first flight comes once ICE has found the way.
    if (this.#setup === 'actpass') this.#setup = peer.setup === 'passive' ? 'active' : 'passive';
    await this.#connect(peer, this.#setup === 'active' ? 'server' : 'client');
    if (restarted) await this.#transport.restartIce();
    await this.#receiveFrom(peer);
    this.#describe(peer);
  }

  async #connect(peer: Peer, role: 'client' | 'server'): Promise<void> {
    if (this.#peer === null) {
      await this.#transport.connect({ dtlsParameters: { role, fingerprints: [...peer.fingerprints] } });
    } else if (this.#peer.fingerprints[0]?.value !== peer.fingerprints[0]?.value) {
      throw new MediaError('sdp_unacceptable', 'another certificate (a=fingerprint) needs a call of its own');
    }
  }

  /** From the thread to the browser, from the start, so that our description tells the SSRC. */
  async #sendToBrowser(): Promise<void> {
    const producer = await this.#plain.produce({
      kind: 'audio',
      rtpParameters: {
        codecs: parameters(this.#codecs, this.#events),
        encodings: [{ ssrc: this.#options.thread.ssrc }],
        rtcp: { cname: 'earshot' },
      },
    });
    this.#outgoing = await this.#transport.consume({ producerId: producer.id, rtpCapabilities: this.#capabilities() });
  }

  /** From the browser to the thread; anew only where the browser's stream has changed. */
  async #receiveFrom(peer: Peer): Promise<void> {
    const before = this.#peer;
    if (this.#incoming === null || before === null || !sameStream(before, peer)) {
      this.#incoming?.close();
      this.#incoming = null;
      const parameters = this.#peerParameters(peer);
      if (parameters !== null) {
        this.#incoming = await this.#transport.produce({ kind: 'audio', rtpParameters: parameters });
        await this.#plain.consume({ producerId: this.#incoming.id, rtpCapabilities: this.#capabilities() });
      }
    }
    this.#peer = peer;
  }

  /** What the browser sends, in mediasoup's terms; null: nothing yet. */
  #peerParameters(peer: Peer): types.RtpParameters | null {
    const byMid = peer.mid !== null && peer.midExtension !== null;
    if (peer.ssrc === null && !byMid) {
      if (peer.direction === 'recvonly' || peer.direction === 'inactive') return null;
      throw new MediaError('sdp_unacceptable', 'neither a=ssrc nor a=extmap for the mid tells whose packets these are');
    }
    const known = peer.codecs.filter(({ name }) => this.#codecs.some((codec) => codec.name === name));
    const events = new Map([...peer.events].filter(([rate]) => this.#events.has(rate)));
    return {
      codecs: parameters(known, events),
      headerExtensions: byMid ? [{ uri: MID_EXTENSION, id: peer.midExtension }] : [],
      encodings: [peer.ssrc === null ? {} : { ssrc: peer.ssrc }],
      ...(byMid ? { mid: peer.mid } : {}),
      rtcp: peer.cname === null ? {} : { cname: peer.cname },
    };
  }

  #capabilities(): types.RtpCapabilities {
    return { codecs: this.#router.rtpCapabilities.codecs ?? [], headerExtensions: [] };
  }

  #describe(answers?: Peer): void {
    const { iceParameters, iceCandidates, dtlsParameters } = this.#transport;
    const fingerprint =
      dtlsParameters.fingerprints.find((each) => each.algorithm === 'sha-256') ?? dtlsParameters.fingerprints[0];
    const known = answers ?? this.#peer;
    const local: Local = {
      sessionId: this.#sessionId,
      version: 0,
      ice: {
        ufrag: iceParameters.usernameFragment,
        password: iceParameters.password,
        candidates: iceCandidates.map(({ foundation, priority, address, port }) => ({
          foundation,
          priority,
          address,
          port,
        })),
      },
      fingerprints: fingerprint === undefined ? [] : [fingerprint],
      setup: answers === undefined ? 'actpass' : this.#setup,
      mid: known === null ? '0' : known.mid,
      bundled: known === null || known.bundled,
      protocol: known?.lines[known.index]?.protocol ?? 'UDP/TLS/RTP/SAVPF',
      direction: answers === undefined ? 'sendrecv' : MIRROR[answers.direction],
      codecs: answers === undefined ? this.#codecs : this.#common(answers).slice(0, 1),
      events: new Map([...this.#events].filter(([rate]) => answers?.events.has(rate) !== false)),
      midExtension: known === null ? 1 : known.midExtension,
      ssrc: this.#outgoing?.rtpParameters.encodings?.[0]?.ssrc ?? 0,
      lines: known?.lines ?? [],
      index: known?.index ?? 0,
    };
    const written = compose(local);
    if (written === this.#written) return; // The same again has the same version (RFC 3264 section 8).
    this.#written = written;
    this.#version += 1;
    this.#localSdp = compose({ ...local, version: this.#version });
  }
}

async function transports(
  router: types.Router,
  { settings }: WebrtcWorkers,
  thread: WebrtcLegOptions['thread'],
): Promise<{ router: types.Router; transport: types.WebRtcTransport; plain: types.PlainTransport }> {
  const [min, max] = settings.ports;
  const transport = await router.createWebRtcTransport({
    listenInfos: [
      {
        protocol: 'udp',
        ip: settings.address,
        ...(settings.announcedAddress === undefined ? {} : { announcedAddress: settings.announcedAddress }),
        portRange: { min, max },
      },
    ],
    enableUdp: true,
    enableTcp: false,
  });
  const plain = await router.createPlainTransport({
    listenInfo: { protocol: 'udp', ip: thread.address },
    rtcpMux: true,
    comedia: false,
  });
  await plain.connect({ ip: thread.address, port: thread.port });
  return { router, transport, plain };
}

function sameStream(a: Peer, b: Peer): boolean {
  const told = ({ ssrc, mid, codecs, events, midExtension }: Peer): string =>
    JSON.stringify([ssrc, mid, codecs, [...events], midExtension]);
  return told(a) === told(b);
}

function asMediaError(error: unknown): MediaError {
  if (error instanceof MediaError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  if (/no more available ports|no available port/i.test(detail))
    return new MediaError('ports_exhausted', detail, { cause: error });
  if (error instanceof Error && error.name === 'InvalidStateError') {
    return new MediaError('engine_lost', detail, { cause: error });
  }
  return new MediaError('sdp_unacceptable', detail, { cause: error });
}
