/**
 * What FreeSWITCH is told of a peer. The peer never sees FreeSWITCH's own description, nor FreeSWITCH the peer's: Earshot
 * negotiates (media/sdp) and tells FreeSWITCH the outcome, as an offer of one codec. Where nothing may be sent to the peer it is
 * `sendonly`: with `disable-hold` (conf/sofia.xml) FreeSWITCH then goes on receiving and sends nothing. Before the peer is
 * known the packets go to the discard port of FreeSWITCH's own machine.
 */
import sdpTransform from 'sdp-transform';
import { CODECS } from '../codec/codecs.ts';
import type { CodecName } from '../codec/codecs.ts';
import type { AgreedMedia } from '../sdp/session.ts';

const EVENT_PAYLOAD_TYPE = 101;
const NOWHERE = { address: '127.0.0.1', port: 9 } as const; // RFC 863

/** Before the peer is known: nothing is sent to it. */
export function unknownPeer(codec: CodecName): string {
  return write({
    ...NOWHERE,
    direction: 'sendrecv',
    codec,
    payloadType: CODECS[codec].staticPayloadType ?? 0,
    events: EVENT_PAYLOAD_TYPE,
  });
}

export function peer(agreed: AgreedMedia): string {
  const { negotiated, remote, send, receive } = agreed;
  const codec = negotiated.codec as CodecName;
  const received = (wanted: CodecName | 'event'): number | undefined =>
    receive.find(([, name]) => name === wanted)?.[0];
  return write({
    ...(remote === null ? NOWHERE : { address: remote.address, port: remote.port }),
    direction: send === null ? 'sendonly' : 'sendrecv',
    codec,
    payloadType: send?.payloadType ?? received(codec) ?? CODECS[codec].staticPayloadType ?? 0,
    events: negotiated.dtmf ? (send?.eventPayloadType ?? received('event') ?? EVENT_PAYLOAD_TYPE) : null,
  });
}

/** Where FreeSWITCH takes the peer's RTP, by its answer. */
export function ownAddress(answer: string): { readonly address: string; readonly port: number } | null {
  const { media, connection } = sdpTransform.parse(answer);
  const line = media.find(({ type }) => type === 'audio');
  const address = (line?.connection ?? connection)?.ip;
  return line === undefined || address === undefined || line.port === 0 ? null : { address, port: line.port };
}

interface Peer {
  readonly direction: 'sendrecv' | 'sendonly';
  readonly address: string;
  readonly port: number;
  readonly codec: CodecName;
  readonly payloadType: number;
  readonly events: number | null;
}

function write({ address, port, direction, codec, payloadType, events }: Peer): string {
  const rtp = [{ payload: payloadType, codec: codec as string, rate: 8000 }];
  if (events !== null) rtp.push({ payload: events, codec: 'telephone-event', rate: 8000 });
  return sdpTransform.write({
    version: 0,
    origin: { username: 'earshot', sessionId: '1', sessionVersion: 1, netType: 'IN', ipVer: 4, address },
    name: 'Earshot',
    connection: { version: 4, ip: address },
    timing: { start: 0, stop: 0 },
    media: [
      {
        type: 'audio',
        port,
        protocol: 'RTP/AVP',
        payloads: rtp.map(({ payload }) => payload).join(' '),
        rtp,
        fmtp: events === null ? [] : [{ payload: events, config: '0-16' }],
        ptime: 20,
        direction,
      },
    ],
  });
}
