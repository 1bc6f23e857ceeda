/** Earshot's own WebRTC descriptions: an ICE-lite end (RFC 8445 section 2.5) with one audio stream. Pure. */
import { write, type MediaDescription, type SessionDescription } from 'sdp-transform';
import type { Direction } from '../../engine.ts';
import { MID_EXTENSION, SHAPES, type Fingerprint, type MediaLine, type PeerCodec, type Setup } from './description.ts';

export interface Candidate {
  readonly foundation: string;
  readonly priority: number;
  readonly address: string;
  readonly port: number;
}

export interface Local {
  readonly sessionId: number;
  readonly version: number; // rises with every change (RFC 3264 section 8)
  readonly ice: { readonly ufrag: string; readonly password: string; readonly candidates: readonly Candidate[] };
  readonly fingerprints: readonly Fingerprint[];
  readonly setup: Setup;
  readonly mid: string | null;
  readonly bundled: boolean;
  readonly protocol: string;
  readonly direction: Direction; // our own
  readonly codecs: readonly PeerCodec[];
  readonly events: ReadonlyMap<number, number>; // payload type of telephone-event by clock rate
  readonly midExtension: number | null;
  readonly ssrc: number;
  /** The peer's m-lines, where this answers: all but the one at `index` are refused. */
  readonly lines: readonly MediaLine[];
  readonly index: number;
}

const CNAME = 'earshot';

function audio(local: Local): MediaDescription {
  const [candidate] = local.ice.candidates;
  const rates = [...new Set(local.codecs.map((codec) => SHAPES[codec.name].clockRate))];
  const events = rates.flatMap((rate) => {
    const payloadType = local.events.get(rate);
    return payloadType === undefined ? [] : [{ rate, payloadType }];
  });
  const payloads = [...local.codecs, ...events].map((each) => each.payloadType);
  return {
    type: 'audio',
    port: candidate?.port ?? 9,
    protocol: local.protocol,
    payloads: payloads.join(' '),
    connection: { version: 4, ip: candidate?.address ?? '0.0.0.0' },
    ...(local.mid === null ? {} : { mid: local.mid }),
    direction: local.direction,
    rtcpMux: 'rtcp-mux',
    iceUfrag: local.ice.ufrag,
    icePwd: local.ice.password,
    candidates: local.ice.candidates.map(({ foundation, priority, address, port }) => ({
      foundation,
      component: 1,
      transport: 'udp',
      priority,
      ip: address,
      port,
      type: 'host',
    })),
    endOfCandidates: 'end-of-candidates',
    ...dtls(local),
    rtp: [
      ...local.codecs.map(({ name, payloadType }) => {
        const { clockRate, channels } = SHAPES[name];
        return { payload: payloadType, codec: name, rate: clockRate, ...(channels > 1 ? { encoding: channels } : {}) };
      }),
      ...events.map(({ rate, payloadType }) => ({ payload: payloadType, codec: 'telephone-event', rate })),
    ],
    fmtp: events.map(({ payloadType }) => ({ payload: payloadType, config: '0-16' })),
    ptime: 20,
    ...(local.midExtension === null ? {} : { ext: [{ value: local.midExtension, uri: MID_EXTENSION }] }),
    msid: [{ id: CNAME, appdata: 'audio' }],
    ssrcs: [{ id: local.ssrc, attribute: 'cname', value: CNAME }],
  };
}

function dtls(local: Local): Pick<MediaDescription, 'fingerprint' | 'setup'> {
  const [fingerprint] = local.fingerprints;
  return {
    ...(fingerprint === undefined ? {} : { fingerprint: { type: fingerprint.algorithm, hash: fingerprint.value } }),
    setup: local.setup,
  };
}

const refused = ({ type, protocol, payloads, mid }: MediaLine): MediaDescription => ({
  type,
  port: 0,
  protocol,
  payloads,
  rtp: [],
  fmtp: [],
  ...(mid === null ? {} : { mid }),
});

export function compose(local: Local): string {
  const [candidate] = local.ice.candidates;
  const media = local.lines.map((line, index) => (index === local.index ? audio(local) : refused(line)));
  const session: SessionDescription = {
    version: 0,
    origin: {
      username: CNAME,
      sessionId: local.sessionId,
      sessionVersion: local.version,
      netType: 'IN',
      ipVer: 4,
      address: candidate?.address ?? '0.0.0.0',
    },
    name: '-',
    timing: { start: 0, stop: 0 },
    icelite: 'ice-lite',
    ...(local.bundled && local.mid !== null ? { groups: [{ type: 'BUNDLE', mids: local.mid }] } : {}),
    media: media.length > 0 ? media : [audio(local)],
  };
  return write(session);
}
