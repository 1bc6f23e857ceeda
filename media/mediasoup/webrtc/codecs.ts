/** Which codecs a browser's leg has: what is offered, what both know, and how mediasoup is told of them. */
import type { types } from 'mediasoup';
import { MediaError } from '../../engine.ts';
import { SHAPES, type Peer, type PeerCodec, type WebrtcCodec } from './description.ts';

const OWN_PAYLOAD_TYPES: Readonly<Record<WebrtcCodec, number>> = { PCMU: 0, PCMA: 8, opus: 111 };
/** telephone-event has the clock of the audio that it comes with (RFC 4733 section 2.1). */
export const OWN_EVENTS: Events = new Map([
  [8000, 126],
  [48_000, 110],
]);

/**
 * telephone-event is no codec that mediasoup's consumers pass on. They do not look into the payload: under the name of a
 * codec of the same clock rate that nothing else uses it passes.
 */
const EVENT_ALIASES = [
  { mimeType: 'audio/iLBC', clockRate: 8000 },
  {
    mimeType: 'audio/multiopus',
    clockRate: 48_000,
    channels: 4,
    parameters: { channel_mapping: '0,1,2,3', num_streams: 2, coupled_streams: 2 },
  },
] as const;

/** Payload type of telephone-event by clock rate. */
export type Events = ReadonlyMap<number, number>;

/** For mediasoup: what is sent or received on one leg. */
export function parameters(codecs: readonly PeerCodec[], events: Events): types.RtpCodecParameters[] {
  const audio = codecs.map(({ name, payloadType }) => {
    const { clockRate, channels } = SHAPES[name];
    return { mimeType: `audio/${name}`, payloadType, clockRate, ...(channels > 1 ? { channels } : {}) };
  });
  const aliases = EVENT_ALIASES.flatMap((alias) => {
    const payloadType = events.get(alias.clockRate);
    return payloadType === undefined ? [] : [{ ...alias, payloadType }];
  });
  return [...audio, ...aliases];
}

/** What Earshot offers. */
export function ownCodecs(names: readonly WebrtcCodec[]): PeerCodec[] {
  return names.map((name) => ({ name, payloadType: OWN_PAYLOAD_TYPES[name] }));
}

/**
 * What both know, in our order of preference, by the peer's payload types: either Opus or G.711, so that there is one clock.
 * Opus only where it is our first and key presses can follow (at its clock), or where there is nothing else.
 * @throws {MediaError} `sdp_unacceptable`: nothing in common
 */
export function agreed(names: readonly WebrtcCodec[], peer: Peer): PeerCodec[] {
  const found = names.flatMap((name) => peer.codecs.filter((codec) => codec.name === name));
  if (found.length === 0)
    throw new MediaError('sdp_unacceptable', `no codec in common: ${names.join(', ')} are known here`);
  const g711 = found.filter(({ name }) => name !== 'opus');
  if (g711.length === found.length) return found;
  const losesKeys = peer.events.size > 0 && !peer.events.has(SHAPES.opus.clockRate);
  return g711.length === 0 || (names[0] === 'opus' && !losesKeys) ? found.filter(({ name }) => name === 'opus') : g711;
}
