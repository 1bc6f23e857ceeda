/** The transport layer over real sockets: listeners, connections, limits, and the answer to what cannot be read. */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { SipParseError, answerable, newTag, parseMessage, responseTo, serialize } from '../message/index.ts';
import type { SipMessage, SipParseCode } from '../message/index.ts';
import { listen } from './accept.ts';
import type { Acceptor, TlsOptions } from './accept.ts';
import { LocalAddresses, describe, formatListenPoint, isWildcard, plainAddress, sameFamily } from './address.ts';
import { ConnectionTable, remoteKey } from './connection.ts';
import type { Connection, ConnectionHandlers } from './connection.ts';
import { dialStream, dialWebSocket } from './dial.ts';
import { TransportError } from './errors.ts';
import { isKeepAlive } from './keepalive.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { TransportLimits } from './limits.ts';
import { RateLimiter } from './rate.ts';
import { resolve } from './resolve.ts';
import { StreamConnection } from './stream.ts';
import type { Flow, ListenPoint, Protocol, Received, SocketTransport, TransportCounts } from './types.ts';
import { UdpListener } from './udp.ts';
import { responseFlow, withReceived } from './via.ts';
import { WebSocketConnection } from './websocket.ts';

export interface TransportOptions {
  readonly listen: readonly ListenPoint[];
  readonly tls?: TlsOptions;
  readonly limits?: Partial<TransportLimits>;
  /** ms since the epoch */
  readonly now?: () => number;
  readonly log?: (level: 'debug' | 'info' | 'warn' | 'error', message: string) => void;
}

export function createTransport(options: TransportOptions): SocketTransport {
  return new SocketLayer(options);
}

/** A reason phrase that tells the other end's engineer what to look at; else the usual one of the status. */
const REASONS: Partial<Record<SipParseCode, string>> = {
  truncated: 'Bad Request (message is cut short)',
  bad_start_line: 'Bad Request (request line)',
  bad_header: 'Bad Request (header line)',
  missing_header: 'Bad Request (missing header)',
  duplicate_header: 'Bad Request (header occurs twice)',
  bad_content_length: 'Bad Request (Content-Length)',
  bad_cseq: 'Bad Request (CSeq)',
  bad_via: 'Bad Request (Via)',
  bad_uri: 'Bad Request (URI)',
  bad_address: 'Bad Request (address)',
  bad_params: 'Bad Request (parameters)',
};

class SocketLayer implements SocketTransport {
  onMessage: (received: Received) => void = () => undefined;
  onConnectionClosed: (connection: string) => void = () => undefined;
  readonly #options: TransportOptions;
  readonly #limits: TransportLimits;
  readonly #now: () => number;
  readonly #rate: RateLimiter;
  readonly #local = new LocalAddresses();
  readonly #udp: UdpListener[] = [];
  readonly #acceptors: Acceptor[] = [];
  readonly #connections = new ConnectionTable();
  /** Connections being opened, by remote address: one for all who want it. */
  readonly #dialling = new Map<string, Promise<Connection>>();
  readonly #shutdown = new AbortController();
  readonly #counts = { received: 0, sent: 0, malformed: 0, answered: 0, limited: 0, refused: 0, sendErrors: 0 };
  readonly #handlers: ConnectionHandlers;
  #points: readonly ListenPoint[];
  #nextId = 1;
  #started: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#now = options.now ?? Date.now;
    this.#rate = new RateLimiter(this.#limits.rate);
    this.#points = options.listen;
    this.#handlers = {
      onMessage: (octets, connection) => this.#guard(() => this.#receive(octets, connection.flow)),
      onFault: (fault, head, connection) => this.#guard(() => this.#fault(fault, head, connection)),
      onClosed: (connection) => {
        if (!this.#connections.remove(connection)) return;
        this.#log('debug', `connection ${connection.id} (${describe(connection.flow)}) closed`);
        this.#guard(() => this.onConnectionClosed(connection.id));
      },
    };
  }

  get listenPoints(): readonly ListenPoint[] {
    return this.#points;
  }

  counts(): TransportCounts {
    return { ...this.#counts, connections: this.#connections.size };
  }

  start(): Promise<void> {
    this.#started ??= this.#open();
    return this.#started;
  }

  async #open(): Promise<void> {
    try {
      const points: ListenPoint[] = [];
      for (const point of this.#options.listen) {
        points.push(await this.#listen(point));
        if (this.#closed) throw new TransportError('closed', 'closed while starting');
      }
      this.#points = points;
    } catch (error) {
      await this.#release();
      throw error;
    }
  }

  async #listen(wanted: ListenPoint): Promise<ListenPoint> {
    if (wanted.protocol === 'udp') {
      // the point is asked for with each datagram: its port is known only once the socket is bound
      const at: { point: ListenPoint } = { point: wanted };
      const listener = await UdpListener.open(wanted, {
        onDatagram: (octets, remote) => this.#datagram(octets, at.point, remote),
        onError: (error) => this.#log('warn', `${formatListenPoint(at.point)}: ${error.message}`),
      });
      at.point = listener.point;
      this.#udp.push(listener);
      return listener.point;
    }
    const acceptor = await listen(
      wanted,
      this.#options.tls,
      {
        admit: (socket) => this.#admit(socket),
        onStream: (socket, point) => this.#adoptStream(socket, this.#inbound(socket, point), true),
        onWebSocket: (socket, tcp, point) => this.#adoptWebSocket(socket, this.#inbound(tcp, point), true),
      },
      this.#limits,
    );
    this.#acceptors.push(acceptor);
    return acceptor.point;
  }

  // -- receiving

  #datagram(octets: Buffer, point: ListenPoint, from: { host: string; port: number }): void {
    const remote = { host: plainAddress(from.host), port: from.port };
    const local = { host: this.#local.facing(point.host, remote.host, this.#now()), port: point.port };
    this.#guard(() => this.#receive(octets, { protocol: 'udp', local, remote }));
  }

  #receive(octets: Buffer, flow: Flow): void {
    if (this.#closed || isKeepAlive(octets)) return;
    const at = this.#now();
    if (!this.#rate.take(flow.remote.host, at)) {
      this.#counts.limited += 1;
      return;
    }
    let message: SipMessage;
    try {
      message = parseMessage(octets, { maxBytes: this.#limits.maxMessageBytes });
    } catch (error) {
      if (!(error instanceof SipParseError)) throw error;
      void this.#malformed(error, flow);
      return;
    }
    this.#counts.received += 1;
    this.onMessage({ message, flow, bytes: octets.length, at });
  }

  /**
   * RFC 3261 18.3, RFC 4475: an error for a request that can be answered; silence for a response, an ACK and noise.
   * Resolves when the answer has gone; never rejects.
   */
  async #malformed(fault: SipParseError, flow: Flow): Promise<void> {
    this.#counts.malformed += 1;
    this.#rate.charge(flow.remote.host, this.#now(), this.#limits.garbageCost);
    this.#log('debug', `unreadable message from ${describe(flow)}: ${fault.message}`);
    const { partial } = fault;
    if (!answerable(partial)) return;
    this.#counts.answered += 1;
    try {
      const reason = fault.status === 400 ? REASONS[fault.code] : undefined;
      const response = responseTo(withReceived(partial, flow), fault.status, {
        toTag: newTag(),
        ...(reason === undefined ? {} : { reason }),
      });
      await this.send(serialize(response), responseFlow(partial, flow));
    } catch (error) {
      this.#log('debug', `answer to ${describe(flow)}: ${String(error)}`);
    }
  }

  #fault(fault: SipParseError, head: Buffer, connection: Connection): void {
    let partial: SipMessage | undefined;
    try {
      partial = parseMessage(head, { complete: false });
    } catch (error) {
      if (!(error instanceof SipParseError)) throw error;
      partial = error.partial;
    }
    void this.#malformed(partial ? fault.withPartial(partial) : fault, connection.flow).then(() => connection.end());
  }

  // -- sending

  async send(octets: Buffer, flow: Flow): Promise<void> {
    try {
      if (this.#closed) throw new TransportError('closed', 'transport is closed');
      const to = await this.#addressed(flow);
      if (to.protocol === 'udp') await this.#udpFor(to).send(octets, to.remote);
      else await (await this.#connection(to)).send(octets);
      this.#counts.sent += 1;
    } catch (error) {
      this.#counts.sendErrors += 1;
      throw error;
    }
  }

  /** The flow with an address where it has a name. */
  async #addressed(flow: Flow): Promise<Flow> {
    const { connection, protocol, remote } = flow;
    if (connection !== undefined) return flow;
    const [target] = await resolve(remote.host, remote.port, protocol);
    if (!target) throw new TransportError('not_found', remote.host);
    const { host, port, serverName } = target;
    const resolved = { ...flow, remote: { host: plainAddress(host), port } };
    return serverName === undefined || flow.serverName !== undefined ? resolved : { ...resolved, serverName };
  }

  #udpFor(flow: Flow): UdpListener {
    const fits = this.#udp.filter((l) => sameFamily(l.point.host, flow.remote.host));
    const { host, port } = flow.local;
    const listener =
      fits.find((l) => l.point.port === port && (l.point.host === host || isWildcard(l.point.host))) ?? fits[0];
    if (!listener) throw new TransportError('no_transport', `not listening on ${describe(flow)}`);
    return listener;
  }

  async #connection(flow: Flow): Promise<Connection> {
    if (flow.connection !== undefined) {
      const connection = this.#connections.get(flow.connection);
      if (!connection) throw new TransportError('closed', `connection ${flow.connection} has gone`);
      return connection;
    }
    const open = this.#connections.toRemote(flow.protocol, flow.remote);
    if (open) return open;
    const key = remoteKey(flow.protocol, flow.remote);
    let dialling = this.#dialling.get(key);
    if (!dialling) {
      dialling = this.#dial(flow).finally(() => this.#dialling.delete(key));
      this.#dialling.set(key, dialling);
    }
    return dialling;
  }

  async #dial(flow: Flow): Promise<Connection> {
    if (this.#connections.size + this.#dialling.size >= this.#limits.maxConnections) {
      throw new TransportError('busy', 'too many connections');
    }
    const { signal } = this.#shutdown;
    const outbound: Flow = { ...flow, connection: this.#newId() };
    if (flow.protocol === 'tcp' || flow.protocol === 'tls') {
      const socket = await dialStream(flow, this.#options.tls, this.#limits, signal);
      if (socket.destroyed) throw new TransportError('closed', describe(flow));
      return this.#adoptStream(socket, outbound, false);
    }
    const socket = await dialWebSocket(flow, this.#options.tls, this.#limits, signal);
    if (socket.readyState !== socket.OPEN) throw new TransportError('closed', describe(flow));
    return this.#adoptWebSocket(socket, outbound, false);
  }

  flowTo(protocol: Protocol, remote: { readonly host: string; readonly port: number }): Flow | undefined {
    const to = { host: plainAddress(remote.host), port: remote.port };
    const open = protocol === 'udp' ? undefined : this.#connections.toRemote(protocol, to);
    if (open) return open.flow;
    const fits = this.#points.filter((p) => p.protocol === protocol && sameFamily(p.host, to.host));
    const now = this.#now();
    const wildcard = to.host.includes(':') ? '::' : '0.0.0.0';
    const facing = this.#local.facing(wildcard, to.host, now);
    const point = fits.find((p) => p.host === facing) ?? fits.find((p) => isWildcard(p.host)) ?? fits[0];
    if (!point) return undefined;
    return { protocol, local: { host: this.#local.facing(point.host, to.host, now), port: point.port }, remote: to };
  }

  // -- connections

  #admit(socket: Socket): boolean {
    const source = plainAddress(socket.remoteAddress ?? '');
    const { maxConnections, maxConnectionsPerSource } = this.#limits;
    const full = this.#connections.size >= maxConnections;
    if (!this.#closed && !full && this.#connections.ofSource(source) < maxConnectionsPerSource) return true;
    this.#counts.refused += 1;
    this.#log('warn', `connection from ${source} refused: ${full ? 'too many' : 'too many from there'}`);
    return false;
  }

  #inbound(socket: Socket, { protocol, host, port }: ListenPoint): Flow {
    return {
      protocol,
      local: { host: plainAddress(socket.localAddress ?? host), port },
      remote: { host: plainAddress(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0 },
      connection: this.#newId(),
    };
  }

  #newId(): string {
    return `c${this.#nextId++}`;
  }

  #adoptStream(socket: Socket, flow: Flow, incoming: boolean): Connection {
    return this.#adopt(new StreamConnection(socket, flow, incoming, this.#handlers, this.#limits));
  }

  #adoptWebSocket(socket: WebSocket, flow: Flow, incoming: boolean): Connection {
    return this.#adopt(new WebSocketConnection(socket, flow, incoming, this.#handlers, this.#limits));
  }

  #adopt(connection: Connection): Connection {
    this.#connections.add(connection);
    if (this.#closed) connection.destroy();
    this.#log('debug', `connection ${connection.id} (${describe(connection.flow)}) open`);
    return connection;
  }

  // -- closing

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    this.#shutdown.abort();
    await this.#started?.catch(() => undefined); // its starter has been told
    await this.#release();
  }

  async #release(): Promise<void> {
    for (const connection of this.#connections.all()) connection.destroy();
    await Promise.all([...this.#udp.splice(0), ...this.#acceptors.splice(0)].map((listener) => listener.close()));
  }

  /** A fault of those above, met with one message, must not end the server. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#log('error', `handling a message failed: ${error instanceof Error ? (error.stack ?? error.message) : ''}`);
    }
  }

  #log(level: 'debug' | 'info' | 'warn' | 'error', message: string): void {
    this.#options.log?.(level, message);
  }
}
