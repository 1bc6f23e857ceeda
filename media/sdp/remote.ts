/** Reads a peer's description (RFC 4566, by sdp-transform) into the few facts that matter here, and refuses the rest. */
import { isIPv4 } from 'node:net';
import sdpTransform from 'sdp-transform';
import type { MediaDescription, SessionDescription } from 'sdp-transform';
import { MediaError } from '../engine.ts';
import type { Direction } from '../engine.ts';
import { CLOCK_RATE, CODECS, isCodecName } from '../codec/codecs.ts';
import type { AnyCodecName } from '../codec/codecs.ts';

const MAX_LENGTH = 32_768;
const MAX_MEDIA = 16;
const OPUS_CLOCK_RATE = 48_000;
const PROTOCOLS = new Set(['RTP/AVP', 'RTP/AVPF']);

export interface Format {
  readonly codec: AnyCodecName;
  readonly payloadType: number;
}

/** A media line as it must be repeated in an answer and in every later offer (RFC 3264 sections 6 and 8). */
export interface MediaLine {
  readonly type: string;
  readonly protocol: string;
  readonly payloads: string;
}

export interface RemoteAudio {
  readonly lines: readonly MediaLine[];
  /** Which of the lines the audio is. */
  readonly index: number;
  /** null: 0.0.0.0, the peer wants nothing sent (RFC 3264 section 8.4). */
  readonly address: string | null;
  readonly port: number;
  readonly rtcpPort: number;
  readonly rtcpMux: boolean;
  readonly direction: Direction;
  /** Known to us, the peer's first choice first. */
  readonly formats: readonly Format[];
  /** Payload type of telephone-event at 8000 Hz; -1: none. */
  readonly eventPayloadType: number;
  /** The same at 48000 Hz, beside Opus (RFC 4733 section 2.1: the clock of the audio). */
  readonly wideEventPayloadType: number;
  readonly ptime: number;
}

/** Whether a description is a WebRTC peer's: DTLS-SRTP (RFC 5764). */
export function isWebRtc(text: string): boolean {
  return /^m=audio \d+ (?:UDP|TCP)\/TLS\/RTP\/SAVPF?/m.test(text);
}

/** @throws MediaError `sdp_invalid`: no SDP, or no audio in it; `sdp_unacceptable`: no IPv4 or no plain RTP. */
export function parseRemote(text: string): RemoteAudio {
  const session = parse(text);
  const { media } = session;
  const audio = media.filter((line) => line.type === 'audio' && line.port !== 0);
  if (audio.length === 0) throw new MediaError('sdp_invalid', 'the description has no audio');
  const line = audio.find((candidate) => PROTOCOLS.has(candidate.protocol));
  if (line === undefined) {
    throw new MediaError('sdp_unacceptable', `plain RTP/AVP is wanted, not ${String(audio[0]?.protocol).slice(0, 40)}`);
  }
  if (!isPort(line.port)) throw new MediaError('sdp_invalid', 'the port of the audio is not valid');
  const address = (line.connection ?? session.connection)?.ip;
  if (address === undefined) throw new MediaError('sdp_invalid', 'the description has no address (c=)');
  const held = address === '0.0.0.0';
  if (!held && !isUnicast(address)) {
    throw new MediaError('sdp_unacceptable', 'a unicast IPv4 address is wanted in the description');
  }
  const direction = line.direction ?? session.direction ?? 'sendrecv';
  const rtcpPort = line.rtcp !== undefined && isPort(line.rtcp.port) ? line.rtcp.port : line.port + 1;
  return {
    lines: media.map(({ type, protocol, payloads }) => ({ type, protocol, payloads: textOf(payloads) })),
    index: media.indexOf(line),
    address: held ? null : address,
    port: line.port,
    rtcpPort,
    rtcpMux: line.rtcpMux !== undefined,
    direction: held ? withoutReceiving(direction) : direction,
    ...formatsOf(line),
    ptime: typeof line.ptime === 'number' && line.ptime >= 10 && line.ptime <= 200 ? line.ptime : 20,
  };
}

function parse(text: string): SessionDescription {
  if (text.length > MAX_LENGTH) throw new MediaError('sdp_invalid', 'the description is too long');
  if (!/^v=0\r?\n/.test(text)) throw new MediaError('sdp_invalid', 'the description does not begin with v=0');
  let session: SessionDescription;
  try {
    session = sdpTransform.parse(text);
  } catch (cause) {
    throw new MediaError('sdp_invalid', 'the description cannot be read', { cause });
  }
  if (session.origin === undefined) throw new MediaError('sdp_invalid', 'the description has no origin (o=)');
  if (session.media.length > MAX_MEDIA) throw new MediaError('sdp_invalid', 'the description has too many media lines');
  for (const line of session.media) {
    if (typeof line.type !== 'string' || typeof line.protocol !== 'string' || typeof line.port !== 'number') {
      throw new MediaError('sdp_invalid', 'a media line (m=) cannot be read');
    }
  }
  return session;
}

function formatsOf(line: MediaDescription): Pick<RemoteAudio, 'formats' | 'eventPayloadType' | 'wideEventPayloadType'> {
  const formats: Format[] = [];
  let eventPayloadType = -1;
  let wideEventPayloadType = -1;
  for (const word of textOf(line.payloads).split(' ')) {
    const payloadType = /^\d{1,3}$/.test(word) ? Number(word) : -1;
    if (payloadType < 0 || payloadType > 127) continue;
    const mapped = line.rtp.find(({ payload }) => payload === payloadType);
    if (mapped === undefined) {
      const codec = Object.values(CODECS).find(({ staticPayloadType }) => staticPayloadType === payloadType);
      if (codec !== undefined) formats.push({ codec: codec.name, payloadType });
      continue;
    }
    const name = textOf(mapped.codec).toUpperCase();
    const channels = String(mapped.encoding ?? '1');
    if (mapped.rate === OPUS_CLOCK_RATE) {
      // RFC 7587 section 7: always opus/48000/2.
      if (name === 'OPUS' && channels === '2') formats.push({ codec: 'opus', payloadType });
      else if (name === 'TELEPHONE-EVENT' && wideEventPayloadType < 0) wideEventPayloadType = payloadType;
      continue;
    }
    if (mapped.rate !== CLOCK_RATE || channels !== '1') continue;
    if (isCodecName(name)) formats.push({ codec: name, payloadType });
    else if (name === 'TELEPHONE-EVENT' && eventPayloadType < 0) eventPayloadType = payloadType;
  }
  return { formats, eventPayloadType, wideEventPayloadType };
}

/** The parser makes a number of what looks like one, whatever its types say. */
function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function withoutReceiving(direction: Direction): Direction {
  return direction === 'sendrecv' || direction === 'sendonly' ? 'sendonly' : 'inactive';
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65536;
}

function isUnicast(address: string): boolean {
  return isIPv4(address) && Number(address.split('.')[0]) < 224;
}
