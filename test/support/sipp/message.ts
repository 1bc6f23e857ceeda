/** Reading the SIP messages that the peers report: as much as tests ask of them. */

/** The first header of that name, without regard to case; undefined if there is none. */
export function header(message: string, name: string): string | undefined {
  const head = message.split(/\r?\n\r?\n/, 1)[0] ?? '';
  return new RegExp(`^${name}\\s*:\\s*(.*?)\\r?$`, 'im').exec(head)?.[1];
}

/** The status of a response; 0 for a request. */
export function statusOf(message: string): number {
  return Number(/^SIP\/2\.0 (\d{3})/.exec(message)?.[1] ?? 0);
}

export function body(message: string): string {
  const at = message.search(/\r?\n\r?\n/);
  return at < 0 ? '' : message.slice(at).trimStart();
}

export interface MediaTarget {
  readonly address: string;
  readonly port: number;
  readonly payloadTypes: readonly number[];
  readonly direction: string;
}

/** Where an SDP wants its audio; null where the message has none. */
export function mediaOf(message: string): MediaTarget | null {
  const sdp = body(message);
  const audio = /^m=audio (\d+) \S+ ([\d ]+)/m.exec(sdp);
  if (audio === null) return null;
  const connection = [...sdp.matchAll(/^c=IN IP4 (\S+)/gm)].at(-1);
  return {
    address: connection?.[1] ?? '127.0.0.1',
    port: Number(audio[1]),
    payloadTypes: audio[2]!.trim().split(' ').map(Number),
    direction: /^a=(sendrecv|sendonly|recvonly|inactive)\r?$/m.exec(sdp)?.[1] ?? 'sendrecv',
  };
}
