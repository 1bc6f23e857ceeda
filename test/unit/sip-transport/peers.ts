/** A transport under test, and plain sockets that talk to it. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { createTransport, parseListenPoint } from '../../../src/sip-server/transport/index.ts';
import type {
  Flow,
  ListenPoint,
  Protocol,
  Received,
  SocketTransport,
  TransportOptions,
} from '../../../src/sip-server/transport/index.ts';
import { until } from '../../support/until.ts';

export interface Subject {
  readonly transport: SocketTransport;
  readonly received: Received[];
  /** Ids of the connections that were told to be gone. */
  readonly gone: string[];
  point(protocol: Protocol): ListenPoint;
  /** The n-th message received, waited for. */
  message(n: number): Promise<Received>;
  flowTo(protocol: Protocol, port: number): Flow;
}

export async function openTransport(
  listen: readonly string[],
  options: Omit<TransportOptions, 'listen'> = {},
): Promise<Subject> {
  const transport = createTransport({ ...options, listen: listen.map((text) => parseListenPoint(text)) });
  const received: Received[] = [];
  const gone: string[] = [];
  transport.onMessage = (r) => received.push(r);
  transport.onConnectionClosed = (id) => gone.push(id);
  await transport.start();
  return {
    transport,
    received,
    gone,
    point: (protocol) => {
      const found = transport.listenPoints.find((p) => p.protocol === protocol);
      if (!found) throw new Error(`not listening on ${protocol}`);
      return found;
    },
    message: (n) => until(`message ${n}`, () => received[n]),
    flowTo: (protocol, port) => {
      const flow = transport.flowTo(protocol, { host: '127.0.0.1', port });
      if (!flow) throw new Error(`no way by ${protocol}`);
      return flow;
    },
  };
}

/** An OPTIONS as text; `change` edits it. */
export function options(callId: string, change: (text: string) => string = (t) => t): Buffer {
  return Buffer.from(
    change(
      `OPTIONS sip:bob@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP peer.invalid;branch=z9hG4bK${callId};rport\r\n` +
        `From: <sip:ann@127.0.0.1>;tag=1\r\nTo: <sip:bob@127.0.0.1>\r\nCall-ID: ${callId}\r\nCSeq: 1 OPTIONS\r\n` +
        'Content-Length: 0\r\n\r\n',
    ),
  );
}

/** The same, but its CSeq names another method: unreadable, and to be answered with 400. */
export function unreadable(callId: string): Buffer {
  return options(callId, (t) => t.replace('1 OPTIONS', '1 INVITE'));
}

export interface UdpPeer {
  readonly port: number;
  readonly received: string[];
  send(octets: Buffer | string, port: number): void;
  close(): void;
}

export async function udpPeer(port = 0): Promise<UdpPeer> {
  const socket = createSocket('udp4');
  const received: string[] = [];
  socket.on('message', (octets) => received.push(octets.toString('latin1')));
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    received,
    send: (octets, to) => socket.send(octets, to, '127.0.0.1'),
    close: () => socket.close(),
  };
}

export interface StreamPeer {
  readonly socket: Socket;
  readonly port: number;
  /** All that came, as text. */
  text(): string;
  closed(): boolean;
  write(octets: Buffer | string): void;
}

export function watch(socket: Socket): StreamPeer {
  let text = '';
  let closed = false;
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  socket.on('close', () => (closed = true));
  const { port } = socket.address() as AddressInfo;
  return { socket, port, text: () => text, closed: () => closed, write: (octets) => socket.write(octets) };
}

export async function tcpPeer(port: number): Promise<StreamPeer> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return watch(socket);
}
