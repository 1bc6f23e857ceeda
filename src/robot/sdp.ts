/** The robots' session descriptions: one audio stream in G.711 (RFC 8866, RFC 3264). Pure. */
export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';
export type Codec = 'PCMU' | 'PCMA';

export const PAYLOAD_TYPE: Readonly<Record<Codec, number>> = { PCMU: 0, PCMA: 8 };

export interface LocalMedia {
  readonly address: string;
  readonly port: number;
  readonly codecs: readonly Codec[];
  readonly direction: Direction;
  /** Rises with every change (RFC 3264 section 8). */
  readonly version: number;
}

export interface RemoteMedia {
  readonly address: string;
  readonly port: number;
  readonly codec: Codec;
  readonly direction: Direction;
}

export function writeSdp(local: LocalMedia): string {
  const types = local.codecs.map((codec) => PAYLOAD_TYPE[codec]);
  return [
    'v=0',
    `o=robot 1 ${local.version} IN IP4 ${local.address}`,
    's=-',
    `c=IN IP4 ${local.address}`,
    't=0 0',
    `m=audio ${local.port} RTP/AVP ${types.join(' ')}`,
    ...local.codecs.map((codec) => `a=rtpmap:${PAYLOAD_TYPE[codec]} ${codec}/8000`),
    'a=ptime:20',
    `a=${local.direction}`,
    '',
  ].join('\r\n');
}

/** null where there is no audio in one of these codecs; of several the peer's first. */
export function readSdp(sdp: string, codecs: readonly Codec[] = ['PCMU', 'PCMA']): RemoteMedia | null {
  const media = /^m=audio (\d+)[^ ]* RTP\/\S+ (.+)$/m.exec(sdp);
  const address =
    /^c=IN IP[46] (\S+)/m.exec(sdp.slice(Math.max(0, media?.index ?? 0)))?.[1] ?? /^c=IN IP[46] (\S+)/m.exec(sdp)?.[1];
  if (media === null || address === undefined || Number(media[1]) === 0) return null;
  const types = (media[2] ?? '').trim().split(/\s+/).map(Number);
  const codec = types
    .map((type) => codecs.find((name) => PAYLOAD_TYPE[name] === type))
    .find((name) => name !== undefined);
  if (codec === undefined) return null;
  const direction = (/^a=(sendrecv|sendonly|recvonly|inactive)\s*$/m.exec(sdp)?.[1] ?? 'sendrecv') as Direction;
  return { address, port: Number(media[1]), codec, direction };
}

/** Our direction in an answer: what the peer does not take is not sent, what it does not send is not awaited. */
export function answerDirection(offered: Direction, held: boolean): Direction {
  const send = offered === 'sendrecv' || offered === 'recvonly';
  const receive = (offered === 'sendrecv' || offered === 'sendonly') && !held;
  if (send) return receive ? 'sendrecv' : 'sendonly';
  return receive ? 'recvonly' : 'inactive';
}
