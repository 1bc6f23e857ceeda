/** Addresses: listen points as text, the plain form of a socket's address, and which address of ours faces a peer. */
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Flow, ListenPoint, Protocol } from './types.ts';

export const DEFAULT_PORT: Readonly<Record<Protocol, number>> = { udp: 5060, tcp: 5060, tls: 5061, ws: 80, wss: 443 };

/** Reads `udp://127.0.0.1:5060` or `tls://[::1]:5061`. Throws Error that says what is wrong. */
export function parseListenPoint(text: string, external?: ListenPoint['external']): ListenPoint {
  const match = /^(udp|tcp|tls|ws|wss):\/\/(\[[0-9a-f:.]+\]|[^[\]:/]+)(?::([0-9]{1,5}))?\/?$/i.exec(text);
  const host = match?.[2]?.replace(/^\[|\]$/g, '');
  const port = match?.[3] === undefined ? undefined : Number(match[3]);
  if (!match || host === undefined || (port ?? 0) > 65535) {
    throw new Error(`listen address ${JSON.stringify(text)}: expected udp|tcp|tls|ws|wss://HOST:PORT`);
  }
  const protocol = match[1]!.toLowerCase() as Protocol;
  const point = { protocol, host, port: port ?? DEFAULT_PORT[protocol] };
  return external ? { ...point, external } : point;
}

export function formatListenPoint(point: ListenPoint): string {
  return `${point.protocol}://${hostPort(point)}`;
}

/** The listen point once it is bound: with its true port, and an address where a name was given. */
export function boundPoint(
  wanted: ListenPoint,
  bound: { readonly address: string; readonly port: number },
): ListenPoint {
  return { ...wanted, host: isIP(wanted.host) === 0 ? bound.address : wanted.host, port: bound.port };
}

/** `host:port`, an IPv6 address in brackets: also the key of a remote address. */
export function hostPort(at: { readonly host: string; readonly port: number }): string {
  return isIPv6(at.host) ? `[${at.host}]:${at.port}` : `${at.host}:${at.port}`;
}

/** IPv4 within IPv6 as IPv4, without a zone, in lower case: what a dual-stack socket reports, as a peer writes it. */
export function plainAddress(address: string): string {
  const lower = address.toLowerCase().replace(/^\[|\]$|%.*$/g, '');
  const mapped = lower.startsWith('::ffff:') ? lower.slice(7) : '';
  return isIPv4(mapped) ? mapped : lower;
}

export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** Whether a socket bound to `bound` can send to `remote`. */
export function sameFamily(bound: string, remote: string): boolean {
  return bound === '::' || isIP(remote) === 0 || isIPv6(bound) === isIPv6(remote);
}

interface Interface {
  readonly address: string;
  readonly internal: boolean;
  readonly net: BlockList;
}

const REFRESH_MS = 10_000;

/**
 * Our address that faces a remote one: a socket bound to all addresses does not tell. The interface in whose network
 * the remote lies, else the first that is not loopback. Read from the system every ten seconds at most.
 */
export class LocalAddresses {
  #interfaces: readonly Interface[] = [];
  #readAt = Number.NEGATIVE_INFINITY;

  facing(bound: string, remote: string, now: number): string {
    if (!isWildcard(bound)) return bound;
    if (now - this.#readAt > REFRESH_MS) {
      this.#interfaces = readInterfaces();
      this.#readAt = now;
    }
    const version = isIPv6(remote) ? 'ipv6' : 'ipv4';
    const family = this.#interfaces.filter((i) => isIPv6(i.address) === isIPv6(remote));
    const near = isIP(remote) === 0 ? undefined : family.find((i) => i.net.check(remote, version));
    return (near ?? family.find((i) => !i.internal) ?? family[0])?.address ?? bound;
  }
}

function readInterfaces(): Interface[] {
  const found: Interface[] = [];
  for (const list of Object.values(networkInterfaces())) {
    for (const { address, internal, family, cidr } of list ?? []) {
      const net = new BlockList();
      const bits = Number(cidr?.split('/')[1] ?? (family === 'IPv6' ? 128 : 32));
      net.addSubnet(address, bits, family === 'IPv6' ? 'ipv6' : 'ipv4');
      found.push({ address, internal, net });
    }
  }
  return found;
}

/** For logs: `tcp 10.0.0.9:5060`. */
export function describe(flow: Flow): string {
  return `${flow.protocol} ${hostPort(flow.remote)}`;
}
