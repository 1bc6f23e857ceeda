/** A leg in its media thread: two sockets, who may send to them, and the reports about what came and went. */
import type { RemoteInfo } from 'node:dgram';
import { CLOCK_RATE, CODECS } from '../codec/codecs.ts';
import type { AnyCodecName, AudioCodec } from '../codec/codecs.ts';
import { OpusCodec } from '../codec/opus.ts';
import type { EndpointStats } from '../engine.ts';
import { SAMPLES_PER_MS } from '../mixer/constants.ts';
import type { MixBridge, MixLeg } from '../mixer/bridge.ts';
import { isRtcp, parseRtp, RtpHeader } from '../rtp/packet.ts';
import type { AgreedMedia } from '../sdp/session.ts';
import { Gate } from './gate.ts';
import { PeerSocket } from './peer-socket.ts';
import type { OpenLeg } from './protocol.ts';
import { Reporter } from './reporter.ts';

/** Something is sent to a listener that hears nobody this often, in ms (RFC 6263). */
const KEEP_ALIVE_MS = 5000;
/** Times the patience with a phone that has sent before. */
const NEVER_HEARD = 4;

export interface LegContext {
  readonly address: string;
  readonly bridge: MixBridge;
  readonly silenceSeconds: number;
  readonly onDigit: (digit: string) => void;
  readonly onSilence: (seconds: number) => void;
  readonly onSendError: () => void;
}

export class RtpLeg {
  readonly #options: OpenLeg;
  readonly #context: LegContext;
  readonly #rtp = new PeerSocket();
  readonly #rtcp = new PeerSocket();
  readonly #gate: Gate;
  readonly #reporter: Reporter;
  readonly #header = new RtpHeader();
  #mixLeg: MixLeg | null = null;
  #opus: OpusCodec | null = null;
  #media: AgreedMedia | null = null;
  #closed = false;
  #rejected = 0;
  #quietSince = 0;
  #quietReported = 0;

  constructor(options: OpenLeg, context: LegContext) {
    this.#options = options;
    this.#context = context;
    this.#gate = new Gate(options.signallingAddress);
    this.#reporter = new Reporter(options.ssrc, options.cname);
  }

  /** Binds both sockets and joins the bridge. Rejects, with nothing left open, where a port is taken. */
  async open(): Promise<void> {
    const { address } = this.#context;
    try {
      await this.#rtp.bind(this.#options.port, address);
      await this.#rtcp.bind(this.#options.port + 1, address);
      if (this.#options.opus) this.#opus = await OpusCodec.create();
    } catch (error) {
      this.#closeSockets();
      throw error;
    }
    if (this.#closed) {
      this.#opus?.close();
      return;
    }
    const { id, ssrc, passEvents } = this.#options;
    this.#mixLeg = this.#context.bridge.add(
      {
        id,
        ssrc,
        firstSequence: Math.floor(Math.random() * 0x8000),
        firstTimestamp: Math.floor(Math.random() * 2 ** 32),
        passEvents,
        transmit: (packet) => this.#transmit(packet),
        onDigit: this.#context.onDigit,
      },
      performance.now(),
    );
    const { onSendError } = this.#context;
    this.#rtp.start((packet, from) => this.#receive(packet, from), onSendError);
    this.#rtcp.start((packet, from) => this.#receiveReport(packet, from), onSendError);
  }

  get mixLeg(): MixLeg | null {
    return this.#mixLeg;
  }

  get bridge(): MixBridge {
    return this.#context.bridge;
  }

  configure(media: AgreedMedia): void {
    if (this.#closed || this.#mixLeg === null) return;
    const now = performance.now();
    this.#media = media;
    this.#gate.expect(media.remote);
    this.#rtp.settle(this.#gate.settled);
    this.#quietSince = now;
    this.#quietReported = 0;
    const { send } = media;
    const codec = send === null ? null : this.#codec(send.codec);
    this.#context.bridge.configure(
      this.#mixLeg,
      {
        receive: new Map(media.receive.map(([type, name]) => [type, name === 'event' ? name : this.#codec(name)])),
        eventScale: (media.eventRate ?? CLOCK_RATE) / CLOCK_RATE,
        send: send === null || codec === null || media.remote === null ? null : { ...send, codec },
      },
      now,
    );
  }

  /** Everything that happens about once a second. */
  everySecond(now: number): void {
    const leg = this.#mixLeg;
    if (leg === null || this.#media === null) return;
    leg.source.dtmf.expire(now);
    if (now - leg.listener.lastSentAt >= KEEP_ALIVE_MS) leg.listener.keepAlive(now);
    if (this.#reporter.due(now)) this.#sendReport(now, false);
    this.#watchSilence(leg, this.#media, now);
  }

  stats(): EndpointStats {
    const timeline = this.#mixLeg?.source.timeline;
    return {
      packetsReceived: timeline?.received ?? 0,
      packetsSent: this.#mixLeg?.listener.packetsSent ?? 0,
      packetsLost: timeline?.lost ?? 0,
      packetsLate: this.#mixLeg?.source.late ?? 0,
      packetsRejected: this.#rejected,
      jitterMs: ((timeline?.jitter ?? 0) * 1000) / CLOCK_RATE,
      ssrc: this.#options.ssrc,
    };
  }

  /** Idempotent. Says goodbye (RTCP BYE). */
  close(): void {
    if (this.#closed) return;
    if (this.#media !== null) this.#sendReport(performance.now(), true);
    this.#closed = true;
    this.#context.bridge.remove(this.#options.id, performance.now());
    this.#opus?.close();
    this.#closeSockets();
  }

  #codec(name: AnyCodecName): AudioCodec {
    if (name !== 'opus') return CODECS[name];
    if (this.#opus === null) throw new Error('opus was agreed by a leg that does not have it');
    return this.#opus;
  }

  #closeSockets(): void {
    this.#closed = true;
    this.#rtp.close();
    this.#rtcp.close();
  }

  #receive(packet: Uint8Array, from: RemoteInfo): void {
    const leg = this.#mixLeg;
    if (this.#closed || leg === null) return;
    if (this.#media?.rtcpMux === true && isRtcp(packet)) {
      this.#receiveReport(packet, from);
      return;
    }
    const header = this.#header;
    if (!this.#gate.mayPass(from.address, from.port) || !parseRtp(packet, header)) {
      this.#rejected++;
      return;
    }
    if (leg.source.payloads[header.payloadType] === undefined) {
      this.#rejected++;
      return;
    }
    if (this.#gate.passed(from.address, from.port)) this.#rtp.settle(this.#gate.settled);
    this.#context.bridge.receive(leg, packet, header, performance.now());
  }

  #receiveReport(packet: Uint8Array, from: RemoteInfo): void {
    if (this.#closed || this.#gate.target?.address !== from.address) return;
    this.#reporter.received(packet, performance.now());
  }

  #transmit(packet: Uint8Array): void {
    const to = this.#gate.target;
    if (to !== null) this.#rtp.send(packet, to);
  }

  #sendReport(now: number, bye: boolean): void {
    const leg = this.#mixLeg;
    const to = this.#gate.target;
    if (leg === null || to === null || this.#media === null) return;
    const { listener, source } = leg;
    const sample = listener.nextTimestamp + Math.round((now - listener.lastSentAt) * SAMPLES_PER_MS);
    const report = this.#reporter.write(now, listener, source.timeline, listener.rtpTimestamp(sample), bye);
    if (this.#media.rtcpMux) this.#rtp.send(report, to);
    else this.#rtcp.send(report, { address: to.address, port: this.#gate.rtcpPort });
  }

  #watchSilence(leg: MixLeg, media: AgreedMedia, now: number): void {
    if (media.receive.length === 0) return;
    const { lastArrival } = leg.source.timeline;
    const quiet = (now - Math.max(this.#quietSince, lastArrival)) / 1000;
    // A phone that has never sent anything may be one that only listens: it is given more time.
    const patience = this.#context.silenceSeconds * (lastArrival === 0 ? NEVER_HEARD : 1);
    const times = Math.floor(quiet / patience);
    if (times > this.#quietReported) this.#context.onSilence(Math.floor(quiet));
    this.#quietReported = times;
  }
}
