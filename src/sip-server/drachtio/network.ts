/** Where a request goes and from which of our addresses: protocol, next hop, and the Via and Contact that fit. */
import { isIP, isIPv6 } from 'node:net';
import { SipParseError } from '../message/errors.ts';
import { newBranch } from '../message/ids.ts';
import type { SipUri, Uri } from '../message/types.ts';
import { bareHost, formatHostPort, parseUri, uriParam } from '../message/uri.ts';
import { DEFAULT_PORT, LocalAddresses, isWildcard, plainAddress, sameFamily } from '../transport/address.ts';
import { resolve } from '../transport/resolve.ts';
import type { ResolveOptions, Target } from '../transport/resolve.ts';
import type { Flow, ListenPoint, Protocol } from '../transport/types.ts';
import type { Bindings } from './bindings.ts';
import { pooledRandom } from '../transaction/random.ts';

/** Why there is no next hop; `text` is what the client is told. */
export type LocateFault = 'transport' | 'myself' | 'uri' | 'dns';

export class LocateError extends Error {
  readonly fault: LocateFault;

  constructor(fault: LocateFault, text: string) {
    super(text);
    this.name = 'LocateError';
    this.fault = fault;
  }
}

export interface NetworkOptions {
  readonly listenPoints: () => readonly ListenPoint[];
  readonly bindings: Bindings;
  readonly now: () => number;
  readonly resolve?: ResolveOptions;
  /** Told of a fault of whoever asked for the way, once a name has been looked up. */
  readonly onFault: (error: unknown) => void;
}

const DNS_CACHE_MS = 30_000;
const DNS_CACHE_SIZE = 1000;
const PREFERENCE: readonly Protocol[] = ['udp', 'tcp', 'tls'];

interface Cached {
  readonly until: number;
  readonly targets: Promise<readonly Target[]>;
}

interface Remote {
  readonly host: string;
  readonly port: number;
  /** The name it was found by, for TLS to check. */
  readonly serverName?: string;
}

export class Network {
  readonly #options: NetworkOptions;
  readonly #addresses = new LocalAddresses();
  readonly #cache = new Map<string, Cached>();

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  get #points(): readonly ListenPoint[] {
    return this.#options.listenPoints();
  }

  /** `udp/10.0.0.5:5060,tcp/10.0.0.5:5060`: where others reach us, or where we really listen. */
  hostports(kind: 'public' | 'local'): string {
    return this.#points
      .map((point) => {
        const external = kind === 'public' ? point.external : undefined;
        const host = external?.host ?? this.#addresses.facing(point.host, '192.0.2.1', this.#options.now());
        return `${point.protocol}/${formatHostPort(host, external?.port ?? point.port)}`;
      })
      .join(',');
  }

  /** The listen point for a protocol and peer: of the peer's family, loopback for loopback, else the first. */
  #pick(protocol: Protocol, remote: string): ListenPoint | undefined {
    const points = this.#points.filter((p) => p.protocol === protocol);
    const family = points.filter((p) => sameFamily(p.host, remote));
    return (
      family.find((p) => p.host === remote) ??
      family.find((p) => isWildcard(p.host) || isLoopback(p.host) === isLoopback(remote)) ??
      family[0] ??
      (isIP(remote) === 0 ? points[0] : undefined)
    );
  }

  has(protocol: Protocol): boolean {
    return this.#points.some((p) => p.protocol === protocol);
  }

  /** A flow to that address from the listen point that fits; undefined if we do not speak the protocol. */
  flowTo(protocol: Protocol, { host, port, serverName }: Remote): Flow | undefined {
    const point = this.#pick(protocol, host);
    if (point === undefined) return undefined;
    const local = { host: this.#addresses.facing(point.host, host, this.#options.now()), port: point.port };
    const flow: Flow = { protocol, local, remote: { host, port } };
    return serverName === undefined ? flow : { ...flow, serverName };
  }

  /** What Via and Contact say of us to the peer of this flow: the external address, unless the peer is local. */
  advertised(flow: Flow): { readonly host: string; readonly port: number } {
    const { protocol, local, remote } = flow;
    const points = this.#points.filter((p) => p.protocol === protocol);
    const point =
      points.find((p) => p.port === local.port && (isWildcard(p.host) || p.host === local.host)) ?? points[0];
    const external = isLoopback(remote.host) ? undefined : point?.external;
    const bound = isWildcard(local.host)
      ? this.#addresses.facing(local.host, remote.host, this.#options.now())
      : local.host;
    return { host: external?.host ?? bound, port: external?.port ?? point?.port ?? local.port };
  }

  /** RFC 3581 rport where it says something: over UDP. */
  via(flow: Flow, branch: string = newBranch(pooledRandom)): string {
    const { host, port } = this.advertised(flow);
    const rport = flow.protocol === 'udp' ? ';rport' : '';
    return `SIP/2.0/${flow.protocol.toUpperCase()} ${formatHostPort(host, port)}${rport};branch=${branch}`;
  }

  /** `host:port` for URIs of ours that the peer of this flow is to use. */
  hostPort(flow: Flow): string {
    const { host, port } = this.advertised(flow);
    return formatHostPort(host, port);
  }

  /** A Contact without user; the transport is named where it is not UDP, so that requests come back by it. */
  contact(flow: Flow): string {
    return `<sip:${this.hostPort(flow)}${transportParam(flow)}>`;
  }

  /** Whether a URI is one of ours. */
  isOurs(uri: Uri): boolean {
    if (uri.kind !== 'sip') return false;
    const host = plainAddress(bareHost(uri.host));
    const port = uri.port ?? (uri.scheme === 'sips' ? DEFAULT_PORT.tls : 5060);
    return this.#points.some(
      (p) => this.#isAt(p, host, port) || (p.external?.host === host && (p.external.port ?? p.port) === port),
    );
  }

  #isAt(point: ListenPoint, host: string, port: number): boolean {
    if (point.port !== port) return false;
    return point.host === host || (isWildcard(point.host) && (isLoopback(host) || this.#facing(point, host) === host));
  }

  #facing(point: ListenPoint, host: string): string {
    return this.#addresses.facing(point.host, host, this.#options.now());
  }

  /**
   * The way to a URI. Settles at once (`done` is called before this returns) unless a name has to be looked up.
   * A registered contact is reached by the flow it registered over.
   */
  locate(text: string, done: (result: Flow | LocateError) => void): void {
    let uri: Uri;
    try {
      uri = parseUri(text);
    } catch (error) {
      if (error instanceof SipParseError) return done(new LocateError('uri', text));
      throw error;
    }
    if (uri.kind !== 'sip') return done(new LocateError('uri', text));
    const bound = this.#options.bindings.find(uri);
    if (bound) return done(bound);
    const protocol = this.#protocolOf(uri);
    if (protocol === undefined) {
      return done(new LocateError('transport', 'requested protocol/transport not available'));
    }
    const host = bareHost(uriParam(uri, 'maddr') ?? uri.host);
    if (isIP(host) !== 0) {
      return done(this.#checked(protocol, { host: plainAddress(host), port: uri.port ?? DEFAULT_PORT[protocol] }));
    }
    this.#lookUp(host, uri.port, protocol)
      .then(
        (targets) => done(this.#checked(protocol, this.#usable(protocol, targets))),
        () => done(new LocateError('dns', 'DNS Error')),
      )
      .catch(this.#options.onFault);
  }

  /** sips is tls; an explicit transport must be one of ours; else UDP if we have it. */
  #protocolOf(uri: SipUri): Protocol | undefined {
    const wanted = uriParam(uri, 'transport')?.toLowerCase();
    if (wanted === 'ws' || wanted === 'wss') return this.has(wanted) ? wanted : undefined;
    if (uri.scheme === 'sips') return this.has('tls') ? 'tls' : undefined;
    if (wanted === undefined || wanted === '') return PREFERENCE.find((p) => this.has(p));
    return PREFERENCE.find((p) => p === wanted && this.has(p));
  }

  #checked(protocol: Protocol, remote: Remote): Flow | LocateError {
    const flow = this.flowTo(protocol, remote);
    if (flow === undefined) return new LocateError('transport', 'requested protocol/transport not available');
    if (this.#points.some((p) => p.protocol === protocol && this.#isAt(p, remote.host, remote.port))) {
      return new LocateError('myself', 'can not send request to myself');
    }
    return flow;
  }

  #usable(protocol: Protocol, targets: readonly Target[]): Remote {
    return targets.find((t) => this.#pick(protocol, t.host) !== undefined) ?? targets[0]!;
  }

  #lookUp(host: string, port: number | undefined, protocol: Protocol): Cached['targets'] {
    const key = `${protocol} ${host.toLowerCase()} ${port ?? ''}`;
    const now = this.#options.now();
    const cached = this.#cache.get(key);
    if (cached && cached.until > now) return cached.targets;
    const targets = resolve(host, port, protocol, this.#options.resolve);
    targets.catch(() => this.#cache.delete(key));
    if (this.#cache.size >= DNS_CACHE_SIZE) this.#cache.clear();
    this.#cache.set(key, { until: now + DNS_CACHE_MS, targets });
    return targets;
  }
}

/** `;transport=tcp` and the like; UDP needs no word. */
export function transportParam(flow: Flow): string {
  return flow.protocol === 'udp' ? '' : `;transport=${flow.protocol}`;
}

export function isLoopback(host: string): boolean {
  return host === '::1' || host === 'localhost' || host.startsWith('127.');
}

const PRIVATE =
  /^(10\.|192\.168\.|172\.(1[6-9]|2[0-9]|3[01])\.|169\.254\.|100\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.)/;

/** Whether a Contact host can hardly be reached from here while the peer's source address is another (NAT, WebSocket). */
export function isUnreachable(contactHost: string, sourceHost: string): boolean {
  const host = plainAddress(bareHost(contactHost));
  if (host.endsWith('.invalid')) return true;
  if (host === sourceHost || isIP(host) === 0) return false;
  if (isIPv6(host) || isIPv6(sourceHost)) return /^f[cd]|^fe80/.test(host) && !/^f[cd]|^fe80/.test(sourceHost);
  return PRIVATE.test(host) && !PRIVATE.test(sourceHost);
}
