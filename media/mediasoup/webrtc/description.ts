/**
 * What a browser's SDP says of its audio (RFC 8829, 8839, 8842, 8843), read and checked. Pure.
 */
import { parse } from 'sdp-transform';
import type { AnyCodecName } from '../../codec/codecs.ts';
import { MediaError, type Direction } from '../../engine.ts';

/** Of the codecs that the media threads know, those that browsers know too. */
export type WebrtcCodec = Exclude<AnyCodecName, 'L16'>;

export interface CodecShape {
  readonly clockRate: number;
  readonly channels: number;
}

export const SHAPES: Readonly<Record<WebrtcCodec, CodecShape>> = {
  PCMU: { clockRate: 8000, channels: 1 },
  PCMA: { clockRate: 8000, channels: 1 },
  opus: { clockRate: 48_000, channels: 2 },
};

/** The DTLS role that a description takes or leaves open (RFC 8842 section 5). */
export type Setup = 'active' | 'passive' | 'actpass';

const HASHES = ['sha-1', 'sha-224', 'sha-256', 'sha-384', 'sha-512'] as const;

export interface Fingerprint {
  readonly algorithm: (typeof HASHES)[number];
  readonly value: string; // upper-case hex, separated by colons
}

export interface PeerCodec {
  readonly name: WebrtcCodec;
  readonly payloadType: number;
}

/** An m-line as far as an answer that refuses it must repeat it. */
export interface MediaLine {
  readonly type: string;
  readonly protocol: string;
  readonly payloads: string;
  readonly mid: string | null;
}

export interface Peer {
  readonly lines: readonly MediaLine[];
  /** Place of the audio among the lines. */
  readonly index: number;
  readonly bundled: boolean;
  readonly mid: string | null;
  /** Of the default candidate; for people to read, media goes where ICE says. */
  readonly address: string;
  readonly port: number;
  readonly iceUfrag: string;
  readonly setup: Setup;
  readonly fingerprints: readonly Fingerprint[];
  readonly direction: Direction;
  /** null: not told; the packets are known by their mid then. */
  readonly ssrc: number | null;
  readonly cname: string | null;
  /** Id of the header extension that carries the mid (RFC 9143), where it is offered. */
  readonly midExtension: number | null;
  /** What Earshot knows too, in the peer's order. */
  readonly codecs: readonly PeerCodec[];
  /** Payload type of telephone-event (RFC 4733) by clock rate. */
  readonly events: ReadonlyMap<number, number>;
  readonly ptime: number; // ms
}

export const MID_EXTENSION = 'urn:ietf:params:rtp-hdrext:sdes:mid';

type Session = ReturnType<typeof parse>;
type Media = Session['media'][number];

/** sdp-transform makes numbers of digits, whatever its types say. */
const text = (value: string | number): string => String(value);

function refuse(detail: string): never {
  throw new MediaError('sdp_unacceptable', detail);
}

function fingerprintsOf(session: Session, media: Media): Fingerprint[] {
  // sdp-transform keeps the last one of a level; browsers send one.
  const given = media.fingerprint ?? session.fingerprint;
  if (given === undefined) return refuse('no DTLS fingerprint (a=fingerprint)');
  const algorithm = HASHES.find((hash) => hash === text(given.type).toLowerCase());
  if (algorithm === undefined) return refuse(`the fingerprint's hash ${given.type} is not known`);
  if (!/^([0-9a-f]{2}:)+[0-9a-f]{2}$/i.test(given.hash)) return refuse('the fingerprint is not hexadecimal');
  return [{ algorithm, value: given.hash.toUpperCase() }];
}

function setupOf(session: Session, media: Media): Setup {
  const given = media.setup ?? session.setup ?? 'active';
  return given === 'active' || given === 'passive' || given === 'actpass'
    ? given
    : refuse(`a=setup:${given} is not supported`);
}

function codecsOf(media: Media): Pick<Peer, 'codecs' | 'events'> {
  const listed = text(media.payloads ?? '')
    .split(' ')
    .map(Number);
  const codecs: PeerCodec[] = [];
  const events = new Map<number, number>();
  for (const payloadType of listed) {
    const map = media.rtp.find((each) => each.payload === payloadType);
    const name = map === undefined ? { 0: 'pcmu', 8: 'pcma' }[payloadType] : text(map.codec).toLowerCase();
    const rate = map?.rate ?? 8000;
    if (name === 'telephone-event') events.set(rate, payloadType);
    for (const [codec, shape] of Object.entries(SHAPES) as [WebrtcCodec, CodecShape][]) {
      const known = codecs.some((each) => each.name === codec);
      if (name === codec.toLowerCase() && rate === shape.clockRate && !known) codecs.push({ name: codec, payloadType });
    }
  }
  return { codecs, events };
}

function sourceOf(media: Media): Pick<Peer, 'ssrc' | 'cname'> {
  const [first] = media.ssrcs ?? [];
  if (first === undefined) return { ssrc: null, cname: null };
  const cname = media.ssrcs?.find((each) => each.id === first.id && each.attribute === 'cname')?.value;
  return { ssrc: first.id >>> 0, cname: cname ?? null };
}

/**
 * Reads a browser's offer or answer.
 * @throws {MediaError} `sdp_invalid` where there is no audio in it, `sdp_unacceptable` where it lacks what WebRTC needs
 */
export function readPeer(sdp: string): Peer {
  const session = parse(sdp);
  if (!Array.isArray(session.media)) throw new MediaError('sdp_invalid', 'the description has no media');
  const index = session.media.findIndex((media) => media.type === 'audio' && media.port !== 0);
  const media = session.media[index];
  if (media === undefined) throw new MediaError('sdp_invalid', 'the description has no audio, or refuses it');
  if (!/^(UDP\/TLS\/)?RTP\/SAVPF?$/.test(media.protocol)) refuse(`${media.protocol} is not DTLS-SRTP`);
  if (media.rtcpMux === undefined) refuse('RTCP on a port of its own is not supported (a=rtcp-mux is missing)');
  const iceUfrag = media.iceUfrag ?? session.iceUfrag;
  const icePwd = media.icePwd ?? session.icePwd;
  if (iceUfrag === undefined || icePwd === undefined) refuse('no ICE credentials (a=ice-ufrag, a=ice-pwd)');
  const mid = media.mid === undefined ? null : text(media.mid);
  const bundle = session.groups?.find((group) => group.type === 'BUNDLE');
  const extension = media.ext?.find((each) => each.uri === MID_EXTENSION);
  return {
    lines: session.media.map((line) => ({
      type: line.type,
      protocol: line.protocol,
      payloads: text(line.payloads ?? '0'),
      mid: line.mid === undefined ? null : text(line.mid),
    })),
    index,
    bundled: mid !== null && bundle !== undefined && text(bundle.mids).split(' ').includes(mid),
    mid,
    address: media.connection?.ip ?? session.connection?.ip ?? '0.0.0.0',
    port: media.port,
    iceUfrag: text(iceUfrag),
    setup: setupOf(session, media),
    fingerprints: fingerprintsOf(session, media),
    direction: media.direction ?? session.direction ?? 'sendrecv',
    ...sourceOf(media),
    midExtension: extension?.value ?? null,
    ...codecsOf(media),
    ptime: media.ptime ?? 20,
  };
}
