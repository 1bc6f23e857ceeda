/**
 * Whether anybody listens at a UDP address. A socket that is bound to all peers is not told of ICMP errors; one that is
 * connected to a single peer is. It sends the keep-alive of RFC 5626 (two line ends), which a SIP element ignores.
 */
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Flow } from '../transport/types.ts';

const WAIT_MS = 300;
const MAX_AT_ONCE = 32;

let running = 0;

/** True if the system there, or the way to it, refuses. False if nothing comes back, or too much is asked at once. */
export async function udpRefused(flow: Flow): Promise<boolean> {
  if (flow.protocol !== 'udp' || running >= MAX_AT_ONCE) return false;
  running += 1;
  const socket = createSocket(isIPv6(flow.remote.host) ? 'udp6' : 'udp4');
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<boolean>((resolve) => {
      socket.on('error', () => resolve(true));
      timer = setTimeout(() => resolve(false), WAIT_MS);
      socket.connect(flow.remote.port, flow.remote.host, () => socket.send('\r\n\r\n'));
    });
  } finally {
    clearTimeout(timer);
    running -= 1;
    socket.close();
  }
}
