/**
 * One leg's side of offer and answer (RFC 3264), without sockets: which description to send, what was agreed. One audio line;
 * every other line is refused. The local port stays the same for the life of the leg.
 */
import sdpTransform from 'sdp-transform';
import type { SessionDescription } from 'sdp-transform';
import { MediaError } from '../engine.ts';
import type { Direction, Negotiated } from '../engine.ts';
import { CODECS } from '../codec/codecs.ts';
import type { CodecName } from '../codec/codecs.ts';
import { parseRemote } from './remote.ts';
import type { Format, MediaLine, RemoteAudio } from './remote.ts';

const EVENT_PAYLOAD_TYPE = 101;
const FIRST_DYNAMIC = 96;

export interface SdpSessionOptions {
  readonly address: string; // as the peer is told it
  readonly port: number;
  /** Offered and accepted, the preferred one first. */
  readonly codecs: readonly CodecName[];
  /** The o= line's session id: digits. */
  readonly sessionId: string;
}

/** What was agreed, as the RTP side needs it. */
export interface AgreedMedia {
  readonly negotiated: Negotiated;
  /** Where to send to, and where packets may come from; null: never known. */
  readonly remote: { readonly address: string; readonly port: number; readonly rtcpPort: number } | null;
  readonly rtcpMux: boolean;
  /** What the peer may send now; empty where it said that it sends nothing. */
  readonly receive: readonly (readonly [payloadType: number, codec: CodecName | 'event'])[];
  /** What to send; null: nothing may be sent (the peer holds). */
  readonly send: { readonly codec: CodecName; readonly payloadType: number; readonly eventPayloadType: number } | null;
}

const REVERSED: Readonly<Record<Direction, Direction>> = {
  sendrecv: 'sendrecv',
  sendonly: 'recvonly',
  recvonly: 'sendonly',
  inactive: 'inactive',
};

/** What we wrote into our description. */
interface Local {
  readonly formats: readonly Format[];
  readonly eventPayloadType: number;
  readonly direction: Direction;
  readonly rtcpMux: boolean;
}

/** Offer and answer with one peer, whatever its transport. What fails leaves everything as it was. */
export interface Negotiation {
  /** Our description as the peer knows it last; empty before the first. */
  readonly text: string;
  readonly agreed: AgreedMedia | null;
  /** The answer to a peer's offer. @throws MediaError */
  answer(offer: string): Answer | Promise<Answer>;
  /** An offer of ours. @throws MediaError */
  offer(): string | Promise<string>;
  /** The peer's answer to our last offer; may come more than once (183, then 200). @throws MediaError */
  accept(answer: string): AgreedMedia | Promise<AgreedMedia>;
  /** Gives back what it holds. Idempotent. */
  close?(): void;
}

export interface Answer {
  readonly text: string;
  readonly agreed: AgreedMedia;
}

export class SdpSession implements Negotiation {
  readonly #options: SdpSessionOptions;
  #lines: readonly MediaLine[] = [{ type: 'audio', protocol: 'RTP/AVP', payloads: '' }];
  #index = 0;
  #version = 0;
  #written = ''; // the description without its version, to see whether it changed
  #text = '';
  #offer: Local | null = null; // ours, answered or not
  #agreed: AgreedMedia | null = null;

  constructor(options: SdpSessionOptions) {
    this.#options = options;
  }

  /** Our description as the peer knows it last; empty before the first. */
  get text(): string {
    return this.#text;
  }

  get agreed(): AgreedMedia | null {
    return this.#agreed;
  }

  /** The answer to a peer's offer. @throws MediaError, and then nothing has changed. */
  answer(offer: string): Answer {
    const remote = parseRemote(offer);
    // The offerer's first codec that we have (RFC 3264 section 6.1: the order is its preference).
    const format = remote.formats.find(({ codec }) => this.#options.codecs.includes(codec));
    if (format === undefined) throw this.#noCodec();
    this.#lines = remote.lines;
    this.#index = remote.index;
    const local: Local = {
      formats: [format],
      eventPayloadType: remote.eventPayloadType,
      direction: REVERSED[remote.direction],
      rtcpMux: remote.rtcpMux,
    };
    this.#offer = null;
    this.#agreed = this.#agree(remote, format, local);
    return { text: this.#write(local), agreed: this.#agreed };
  }

  /** An offer of ours: what is in use first, and nothing that was mapped is mapped anew (RFC 3264 section 8.3.2). */
  offer(): string {
    const used = this.#agreed;
    const current = used?.send?.codec ?? used?.receive.find(([, codec]) => codec !== 'event')?.[1];
    const codecs = [...this.#options.codecs].sort((a, b) => Number(b === current) - Number(a === current));
    const usedEvent = used?.receive.find(([, codec]) => codec === 'event')?.[0];
    const eventPayloadType = usedEvent ?? this.#offer?.eventPayloadType ?? EVENT_PAYLOAD_TYPE;
    let dynamic = FIRST_DYNAMIC;
    const formats = codecs.map((codec): Format => {
      const known = used?.receive.find(([, name]) => name === codec)?.[0] ?? CODECS[codec].staticPayloadType;
      if (known !== null) return { codec, payloadType: known };
      while (dynamic === eventPayloadType) dynamic++;
      return { codec, payloadType: dynamic++ };
    });
    this.#offer = { formats, eventPayloadType, direction: 'sendrecv', rtcpMux: used?.rtcpMux ?? false };
    return this.#write(this.#offer);
  }

  /** The peer's answer to our last offer; may come more than once (183, then 200). @throws MediaError */
  accept(answer: string): AgreedMedia {
    const offer = this.#offer;
    if (offer === null) throw new MediaError('sdp_invalid', 'an answer came where nothing was offered');
    const remote = parseRemote(answer);
    const format = remote.formats.find(({ codec }) => offer.formats.some((ours) => ours.codec === codec));
    if (format === undefined) throw this.#noCodec();
    const both = remote.formats.flatMap(({ codec }) => offer.formats.filter((ours) => ours.codec === codec));
    this.#agreed = this.#agree(remote, format, {
      ...offer,
      formats: [...remote.formats.filter(({ codec }) => both.some((ours) => ours.codec === codec)), ...both],
      rtcpMux: offer.rtcpMux && remote.rtcpMux,
    });
    return this.#agreed;
  }

  #noCodec(): MediaError {
    return new MediaError('sdp_unacceptable', `no codec in common; here: ${this.#options.codecs.join(', ')}`);
  }

  /** `local.formats`: everything the peer may send; `format`: what it is sent. */
  #agree(remote: RemoteAudio, format: Format, local: Local): AgreedMedia {
    const events = remote.eventPayloadType >= 0;
    const peerSends = remote.direction === 'sendrecv' || remote.direction === 'sendonly';
    const peerReceives = remote.direction === 'sendrecv' || remote.direction === 'recvonly';
    const receive = new Map<number, CodecName | 'event'>();
    if (peerSends) {
      for (const { codec, payloadType } of local.formats) receive.set(payloadType, codec);
      if (events) receive.set(remote.eventPayloadType, 'event').set(local.eventPayloadType, 'event');
    }
    const last = this.#agreed?.remote ?? null;
    return {
      negotiated: {
        codec: format.codec,
        direction: remote.direction,
        address: remote.address ?? '0.0.0.0',
        port: remote.port,
        ptime: remote.ptime,
        dtmf: events,
      },
      // 0.0.0.0 hides where the peer is, it has not moved.
      remote:
        remote.address === null ? last : { address: remote.address, port: remote.port, rtcpPort: remote.rtcpPort },
      rtcpMux: local.rtcpMux,
      receive: [...receive],
      send: peerReceives
        ? { codec: format.codec, payloadType: format.payloadType, eventPayloadType: remote.eventPayloadType }
        : null,
    };
  }

  #write(local: Local): string {
    const written = this.#render(local, 0);
    if (written !== this.#written) {
      this.#written = written;
      this.#version++;
      this.#text = this.#render(local, this.#version);
    }
    return this.#text;
  }

  #render(local: Local, version: number): string {
    const { address, port, sessionId } = this.#options;
    const session: SessionDescription = {
      version: 0,
      origin: { username: 'earshot', sessionId, sessionVersion: version, netType: 'IN', ipVer: 4, address },
      name: 'Earshot',
      connection: { version: 4, ip: address },
      timing: { start: 0, stop: 0 },
      media: this.#lines.map((line, index) =>
        index === this.#index
          ? { ...audio(local), protocol: line.protocol, port }
          : { type: line.type, port: 0, protocol: line.protocol, payloads: line.payloads, rtp: [], fmtp: [] },
      ),
    };
    return sdpTransform.write(session);
  }
}

function audio(local: Local): Omit<SessionDescription['media'][number], 'port' | 'protocol'> {
  const rtp: { payload: number; codec: string; rate: number }[] = local.formats.map(({ codec, payloadType }) => ({
    payload: payloadType,
    codec,
    rate: 8000,
  }));
  const events = local.eventPayloadType >= 0;
  if (events) rtp.push({ payload: local.eventPayloadType, codec: 'telephone-event', rate: 8000 });
  return {
    type: 'audio',
    payloads: rtp.map(({ payload }) => payload).join(' '),
    rtp,
    fmtp: events ? [{ payload: local.eventPayloadType, config: '0-16' }] : [],
    ptime: 20,
    direction: local.direction,
    ...(local.rtcpMux ? { rtcpMux: 'rtcp-mux' as const } : {}),
  };
}
