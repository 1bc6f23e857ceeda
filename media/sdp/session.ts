/**
 * One leg's side of offer and answer (RFC 3264), without sockets: which description to send, what was agreed. One audio line;
 * every other line is refused. The local port stays the same for the life of the leg.
 */
import sdpTransform from 'sdp-transform';
import type { SessionDescription } from 'sdp-transform';
import { MediaError } from '../engine.ts';
import type { Direction, Negotiated, Offers } from '../engine.ts';
import { CODECS } from '../codec/codecs.ts';
import type { AnyCodecName } from '../codec/codecs.ts';
import { parseRemote } from './remote.ts';
import type { Format, MediaLine, RemoteAudio } from './remote.ts';

const EVENT_PAYLOAD_TYPE = 101;
const WIDE_EVENT_PAYLOAD_TYPE = 102;
const OPUS_CLOCK_RATE = 48_000;
const FIRST_DYNAMIC = 96;

export interface SdpSessionOptions {
  readonly address: string; // as the peer is told it
  readonly port: number;
  /** Offered and accepted, the preferred one first; but G.711 is offered before Opus, the peer may be a trunk. */
  readonly codecs: readonly AnyCodecName[];
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
  readonly receive: readonly (readonly [payloadType: number, codec: AnyCodecName | 'event'])[];
  /** What to send; null: nothing may be sent (the peer holds). */
  readonly send: {
    readonly codec: AnyCodecName;
    readonly payloadType: number;
    readonly eventPayloadType: number;
  } | null;
  /** Clock of telephone-events in Hz, that of the audio (RFC 4733 section 2.1). Default 8000. */
  readonly eventRate?: number;
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
  readonly wideEventPayloadType: number;
  readonly direction: Direction;
  readonly rtcpMux: boolean;
}

/** Offer and answer with one peer, whatever its transport. What fails leaves everything as it was. */
export interface Negotiation {
  /** Our description as the peer knows it last; empty before the first. */
  readonly text: string;
  /** The same, by the kind of peer that it is for. */
  readonly offers: Offers;
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

  get offers(): Offers {
    return { rtp: this.#text };
  }

  get agreed(): AgreedMedia | null {
    return this.#agreed;
  }

  /** The answer to a peer's offer. @throws MediaError, and then nothing has changed. */
  answer(offer: string): Answer {
    const remote = parseRemote(offer);
    const format = choose(remote, this.#options.codecs);
    if (format === undefined) throw this.#noCodec();
    this.#lines = remote.lines;
    this.#index = remote.index;
    const local: Local = {
      formats: [format],
      eventPayloadType: format.codec === 'opus' ? -1 : remote.eventPayloadType,
      wideEventPayloadType: format.codec === 'opus' ? remote.wideEventPayloadType : -1,
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
    const rank = (codec: AnyCodecName) => (codec === current ? 0 : codec === 'opus' ? 2 : 1);
    const codecs = [...this.#options.codecs].sort((a, b) => rank(a) - rank(b));
    const usedEvent = used?.receive.find(([, codec]) => codec === 'event')?.[0];
    const wide = used?.eventRate === OPUS_CLOCK_RATE;
    const taken = new Set(used?.receive.map(([payloadType]) => payloadType));
    const eventPayloadType =
      (wide ? undefined : usedEvent) ?? this.#offer?.eventPayloadType ?? free(EVENT_PAYLOAD_TYPE, taken);
    taken.add(eventPayloadType);
    let wideEventPayloadType = -1;
    if (codecs.includes('opus')) {
      const before = this.#offer?.wideEventPayloadType ?? -1;
      wideEventPayloadType =
        (wide ? usedEvent : undefined) ?? (before >= 0 ? before : free(WIDE_EVENT_PAYLOAD_TYPE, taken));
      taken.add(wideEventPayloadType);
    }
    const formats = codecs.map((codec): Format => {
      const fixed = codec === 'opus' ? null : CODECS[codec].staticPayloadType;
      const payloadType = used?.receive.find(([, name]) => name === codec)?.[0] ?? fixed ?? free(FIRST_DYNAMIC, taken);
      taken.add(payloadType);
      return { codec, payloadType };
    });
    this.#offer = {
      formats,
      eventPayloadType,
      wideEventPayloadType,
      direction: 'sendrecv',
      rtcpMux: used?.rtcpMux ?? false,
    };
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
    const opus = format.codec === 'opus';
    const eventPayloadType = opus ? remote.wideEventPayloadType : remote.eventPayloadType;
    const events = eventPayloadType >= 0;
    const peerSends = remote.direction === 'sendrecv' || remote.direction === 'sendonly';
    const peerReceives = remote.direction === 'sendrecv' || remote.direction === 'recvonly';
    const receive = new Map<number, AnyCodecName | 'event'>();
    if (peerSends) {
      for (const { codec, payloadType } of local.formats) receive.set(payloadType, codec);
      if (events) {
        const own = opus ? local.wideEventPayloadType : local.eventPayloadType;
        for (const payloadType of [eventPayloadType, own]) if (payloadType >= 0) receive.set(payloadType, 'event');
      }
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
      send: peerReceives ? { codec: format.codec, payloadType: format.payloadType, eventPayloadType } : null,
      ...(opus ? { eventRate: OPUS_CLOCK_RATE } : {}),
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
  const rtp: { payload: number; codec: string; rate: number; encoding?: number }[] = local.formats.map(
    ({ codec, payloadType }) => ({
      payload: payloadType,
      codec,
      ...(codec === 'opus' ? { rate: OPUS_CLOCK_RATE, encoding: 2 } : { rate: 8000 }),
    }),
  );
  const events = [
    { payload: local.eventPayloadType, codec: 'telephone-event', rate: 8000 },
    { payload: local.wideEventPayloadType, codec: 'telephone-event', rate: OPUS_CLOCK_RATE },
  ].filter(({ payload }) => payload >= 0);
  rtp.push(...events);
  return {
    type: 'audio',
    payloads: rtp.map(({ payload }) => payload).join(' '),
    rtp,
    fmtp: events.map(({ payload }) => ({ payload, config: '0-16' })),
    ptime: 20,
    direction: local.direction,
    ...(local.rtcpMux ? { rtcpMux: 'rtcp-mux' as const } : {}),
  };
}

/**
 * The offerer's first codec that we have (RFC 3264 section 6.1: the order is its preference), but for Opus: it is taken before
 * G.711 only where our own list begins with it and key presses can follow (at the same clock), and else only for want of G.711.
 */
function choose(remote: RemoteAudio, codecs: readonly AnyCodecName[]): Format | undefined {
  const common = remote.formats.filter(({ codec }) => codecs.includes(codec));
  const opus = common.find(({ codec }) => codec === 'opus');
  const other = common.find(({ codec }) => codec !== 'opus');
  if (opus === undefined || other === undefined) return opus ?? other;
  const losesKeys = remote.eventPayloadType >= 0 && remote.wideEventPayloadType < 0;
  return codecs[0] === 'opus' && !losesKeys ? opus : other;
}

/** The first payload type from `first` on that is not taken (RFC 3551 section 3: 96 to 127 are dynamic). */
function free(first: number, taken: ReadonlySet<number>): number {
  let payloadType = first;
  while (taken.has(payloadType)) payloadType++;
  return payloadType;
}
